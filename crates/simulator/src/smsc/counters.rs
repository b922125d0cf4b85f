//! Counts of what an SMSC saw, kept in every mode, recording or not.

use crate::counters::counters;
pub(super) use crate::counters::{add, subtract};

counters! {
    /// Counts of what an SMSC saw since it was started; [`Smsc::stop`](super::Smsc::stop) does not reset them.
    SmscCounters,
    connections "Connections accepted.",
    open_connections "Connections open now.",
    binds "Binds accepted.",
    refused_binds "Binds refused.",
    bound "Sessions bound now.",
    max_bound "The most sessions that were bound at once.",
    pdus "PDUs read.",
    submits "submit_sm and data_sm read.",
    accepted "Submits judged ESME_ROK.",
    refused "Submits judged otherwise.",
    answered "Answers to submits written into a connection.",
    throttled "Submits refused by ESME_RTHROTTLED because of `throttle_per_second`.",
    max_in_flight "The most submits of one connection that were read and not yet answered.",
    enquire_links "enquire_link read.",
    enquire_link_answers "enquire_link_resp read.",
    unbinds "unbind read.",
    unbind_answers "unbind_resp read.",
    generic_nacks "generic_nack read.",
    unknown_pdus "PDUs with an unknown command_id read.",
    lost_framings "Connections closed because of a command_length that cannot be.",
    deliveries "deliver_sm written.",
    deliveries_acknowledged "deliver_sm_resp with ESME_ROK read.",
    deliveries_refused "deliver_sm_resp with another status read.",
    deliveries_dropped "Receipts and inbound texts that there was no room to keep.",
}
