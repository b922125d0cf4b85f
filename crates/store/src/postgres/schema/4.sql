-- Whether it runs gateways: commands that only change something do not.
ALTER TABLE node ADD COLUMN is_running BOOLEAN NOT NULL DEFAULT false;

-- Which connection of a gateway is whose. One that is held under an epoch that its node has no more is free.
CREATE TABLE holding (
    gateway BIGINT NOT NULL,
    connection SMALLINT NOT NULL,
    node SMALLINT NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (gateway, connection)
);

-- What nodes say of gateways. state: 0 up, 1 paused, 2 down. What was said under another epoch is not said any more.
CREATE TABLE gateway_word (
    gateway BIGINT NOT NULL,
    node SMALLINT NOT NULL,
    epoch BIGINT NOT NULL,
    state SMALLINT NOT NULL,
    until_ms BIGINT NOT NULL,
    is_account BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (node, gateway)
);

-- Messages that a node gave to this one and that it has not taken on yet; they are its own already. notes: dispatch's.
CREATE TABLE handed (
    node SMALLINT NOT NULL,
    kind SMALLINT NOT NULL,
    message BIGINT NOT NULL,
    notes BIGINT NOT NULL,
    PRIMARY KEY (node, kind, message)
) WITH (fillfactor = 50);
CREATE INDEX handed_by_message ON handed (message);
