-- Who wrote to a phone last by a gateway that several share, when it says stop. Those who have gateways of their own pay nothing, not even
-- this entry. Writes wait while it is built: about a second for a million messages.
CREATE INDEX message_paid ON message (number, id) INCLUDE (vs) WHERE payers IS NOT NULL AND kind <> 0;
