//! One question to the guard, from its keys to its answer. What stands here runs for each passcode, under the lock.

use super::*;

/// Kinds of keys besides those of limits, which have their window as kind.
pub(super) const NUMBER: u64 = 1 << 40;
pub(super) const RANGE: u64 = 2 << 40;

/// A question with its keys, made before the lock is taken.
pub(super) struct Asked {
    vs: VsId,
    number: PhoneNumber,
    country: Option<Country>,
    is_checked: bool,
    now_ms: i64,
    now_s: u32,
    number_key: u64,
    /// Its ranges, smallest first: prefix and key.
    ranges: SmallVec<[(u64, u64); range::LEVELS]>,
    limits: SmallVec<[(GuardLimit, u64); 4]>,
}

impl Guard {
    pub(super) fn asked(&self, rules: &Rules, question: &Question<'_>) -> Asked {
        let Question { vs, number, purpose, ip, is_checked, now_ms } = *question;
        let country = number.country();
        let limit = |limit: &GuardLimit| {
            let value = match limit.per {
                Per::Number => number.as_u64(),
                Per::Range => range_of(number),
                Per::Country => country.map_or(0, |country| self.random.hash_one(country)),
                Per::Ip => network(ip?),
                Per::Purpose => self.random.hash_one(purpose),
                Per::VirtualServer => 0,
            };
            let kind = (limit.per as u64) << 32 | u64::from(limit.window_s);
            Some((*limit, self.key(vs, kind, value)))
        };
        Asked {
            vs,
            number,
            country,
            is_checked,
            now_ms,
            now_s: seconds(now_ms),
            number_key: self.key(vs, NUMBER, number.as_u64()),
            ranges: range::ranges(number).map(|(_, prefix)| (prefix, self.key(vs, RANGE, prefix))).collect(),
            limits: rules.limits.iter().filter_map(limit).collect(),
        }
    }
}

type Found = Result<(), (Refused, Option<Changed>)>;

impl Shard {
    /// Whether anything speaks against it.
    pub(super) fn find(&mut self, rules: &Rules, asked: &Asked) -> Found {
        let for_good = |reason| Err((Refused { reason, retry_after_s: None }, None));
        if let Some(countries) = &rules.countries
            && !asked.country.is_some_and(|country| countries.has(country))
        {
            return for_good(GuardReason::Country);
        }
        match asked.number.intended_use() {
            NumberUse::Premium if rules.refuse_premium => return for_good(GuardReason::Premium),
            NumberUse::Unallocated if rules.refuse_unallocated => return for_good(GuardReason::Unallocated),
            _ => {}
        }
        let now_s = asked.now_s;
        for (limit, key) in &asked.limits {
            if let Some(window) = self.windows.get(*key)
                && window.count(now_s, limit.window_s) >= limit.limit
            {
                let wait_s = window.wait_s(now_s, limit.window_s, limit.limit);
                return Err((Refused { reason: limit.per.reason(), retry_after_s: Some(wait_s) }, None));
            }
        }
        // Somebody is there who entered a code before: no attack on a range makes that untrue.
        if self.numbers.get(asked.number_key).is_some_and(|number| number.is_known) {
            return Ok(());
        }
        let refused = |reason| Refused { reason, retry_after_s: Some(RANGE_WAIT_S) };
        let server = self.servers.entry(asked.vs).or_default();
        if server.blocks.refuses(asked.number, now_s).is_some() {
            return Err((refused(GuardReason::Blocked), None));
        }
        if !rules.block_ranges || !(asked.is_checked || server.past.conversions() >= TOLD_ENOUGH) {
            return Ok(());
        }
        let levels = if server.past.conversions() >= KNOWN_ENOUGH { range::LEVELS } else { 2 };
        let expected =
            Expected { chance: server.past.chance(asked.country), patience_s: server.past.patience_s() };
        for (level, (prefix, key)) in asked.ranges.iter().enumerate().take(levels) {
            let standing = server.blocks.standing(*prefix, now_s);
            let Some(range) = self.ranges.get(*key).filter(|_| standing != Standing::Excused) else {
                continue;
            };
            match range.find(now_s, level, expected, standing == Standing::Suspect) {
                Finding::Usual => {}
                Finding::Full => return Err((refused(GuardReason::Full), None)),
                Finding::Attack => {
                    range.clear();
                    let lengths = (rules.block_s, rules.longest_block_s);
                    let changed = server.blocks.block(asked.vs, *prefix, now_s, lengths);
                    return Err((refused(GuardReason::Blocked), Some(changed)));
                }
            }
        }
        Ok(())
    }

    /// It is sent.
    pub(super) fn count(&mut self, asked: &Asked) {
        let now_s = asked.now_s;
        for (limit, key) in &asked.limits {
            self.windows.entry(*key, now_s).add(now_s, limit.window_s);
        }
        let server = self.servers.entry(asked.vs).or_default();
        server.let_through += 1;
        let number = self.numbers.entry(asked.number_key, now_s);
        let is_retry = number.is_open && now_s.saturating_sub(number.sent_s) < RETRY_S;
        number.is_shadow = false;
        if is_retry {
            return;
        }
        (number.sent_s, number.is_open) = (now_s, true);
        server.past.sent(asked.country, now_s);
        let patience_s = server.past.patience_s();
        for (_, key) in &asked.ranges {
            self.ranges.entry(*key, now_s).sent(now_s, patience_s);
        }
    }

    /// It is refused, or would be.
    pub(super) fn note(&mut self, asked: &Asked, reason: GuardReason, is_dry_run: bool) {
        let server = self.servers.entry(asked.vs).or_default();
        let counts = if is_dry_run { &mut server.would_refuse } else { &mut server.refused };
        counts[reason as usize] += 1;
        if server.latest.len() >= LATEST {
            server.latest.pop_front();
        }
        server.latest.push_back(GuardRefused {
            at_ms: asked.now_ms,
            range: range_of(asked.number).to_string(),
            country: asked.country,
            reason: reason.name(),
            is_dry_run,
        });
        if is_dry_run {
            let number = self.numbers.entry(asked.number_key, asked.now_s);
            (number.sent_s, number.is_shadow) = (asked.now_s, true);
        }
    }

    pub(super) fn converted(
        &mut self,
        vs: VsId,
        phone: PhoneNumber,
        number_key: u64,
        ranges: &[u64],
        now_s: u32,
    ) -> Changed {
        let is_new = self.numbers.get(number_key).is_none();
        let server = self.servers.entry(vs).or_default();
        let number = self.numbers.entry(number_key, now_s);
        let (was_open, was_shadow) = (number.is_open, number.is_shadow);
        (number.is_open, number.is_shadow, number.is_known) = (false, false, true);
        if was_shadow {
            server.would_refuse_people += 1;
        }
        if !was_open && !is_new {
            return Changed::default();
        }
        let after_s = was_open.then(|| now_s.saturating_sub(number.sent_s));
        if is_new {
            number.sent_s = now_s;
        }
        let country = phone.country();
        server.past.converted(country, after_s, now_s);
        let patience_s = server.past.patience_s();
        for key in ranges {
            self.ranges.entry(*key, now_s).converted(now_s, patience_s);
        }
        server.blocks.converted(vs, phone, now_s)
    }
}

/// How the numbers of a number's smallest range begin.
fn range_of(number: PhoneNumber) -> u64 {
    number.first_digits(number.digits() - 4)
}

/// What an address counts as: IPv4 by itself, IPv6 by its /64, which is one household's or one machine's.
fn network(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => 1 << 63 | u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}
