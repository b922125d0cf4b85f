//! TP-Service-Centre-Time-Stamp and its like (TS 23.040 §9.2.3.11).

use super::Octets;

/// A time as the service centre writes it: its local time, and how far that is from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    /// Seconds of Unix time.
    pub unix_s: i64,
    /// Quarters of an hour that the local time is ahead of UTC; -79 to 79.
    pub quarters: i8,
}

impl Timestamp {
    /// The time in UTC.
    pub fn utc(unix_s: i64) -> Self {
        Self { unix_s, quarters: 0 }
    }

    /// Appends the seven octets. The year's last two digits stand for 1990 to 2089.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let local = self.unix_s + i64::from(self.quarters) * 900;
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let fields = [year.rem_euclid(100), month, day, second / 3600, second / 60 % 60, second % 60];
        out.extend(fields.map(|field| swapped(field as u8)));
        // Bit 3 is the sign: the highest bit of the tens, which come first on the air.
        let sign = if self.quarters < 0 { 0x08 } else { 0 };
        out.push(swapped(self.quarters.unsigned_abs().min(79)) | sign);
    }

    /// Reads seven octets; the inner `None` is a time that none can be, such as one that a service centre left empty.
    pub(super) fn read(octets: &mut Octets<'_>) -> Option<Option<Self>> {
        let &[year, month, day, hour, minute, second, zone] = octets.take(7)? else { return None };
        Some(Self::of([year, month, day, hour, minute, second], zone))
    }

    fn of(fields: [u8; 6], zone: u8) -> Option<Self> {
        let mut values = [0; 6];
        for (value, field) in values.iter_mut().zip(fields) {
            *value = i64::from(digits(field)?);
        }
        let [year, month, day, hour, minute, second] = values;
        let is_time =
            (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
        let quarters = digits(zone & !0x08).filter(|quarters| *quarters <= 79)? as i8;
        let quarters = if zone & 0x08 == 0 { quarters } else { -quarters };
        let year = if year < 90 { 2000 + year } else { 1900 + year };
        let local = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        is_time.then_some(Self { unix_s: local - i64::from(quarters) * 900, quarters })
    }
}

/// Two digits, the tens in the low half.
fn swapped(n: u8) -> u8 {
    ((n % 10) << 4) | (n / 10)
}

fn digits(octet: u8) -> Option<u8> {
    let (tens, ones) = (octet & 0x0F, octet >> 4);
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The reverse of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + of_era + i64::from(month <= 2), month, day)
}
