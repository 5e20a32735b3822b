//! Zigzag varints, and a cursor that reads them from untrusted bytes.
//!
//! *Invariant:* a [`Cursor`] never reads beyond its bytes and never allocates.

/// Bytes of the longest varint of 64 bits.
pub(super) const VARLONG_LEN_MAX: usize = 10;

/// Why a record cannot be read; the caller knows which record it is.
pub(super) type Reason = &'static str;

/// How many bytes `value` takes.
#[inline]
pub(super) fn varlong_len(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// How many bytes `value` takes.
#[inline]
pub(super) fn varint_len(value: i32) -> usize {
    varlong_len(i64::from(value))
}

/// Writes `value` at the start of `out`, which has room, and says how many bytes it took.
#[inline]
pub(super) fn write_varlong(out: &mut [u8], value: i64) -> usize {
    let mut rest = zigzag(value);
    let mut at = 0;
    while rest >= 0x80 {
        out[at] = (rest as u8) | 0x80;
        rest >>= 7;
        at += 1;
    }
    out[at] = rest as u8;
    at + 1
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Where we are in bytes that are being read.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Begins at the start of `bytes`.
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes not read yet.
    #[inline]
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// All bytes not read yet.
    #[inline]
    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    /// The next byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Reason> {
        let byte = *self.bytes.get(self.at).ok_or("it ends too early")?;
        self.at += 1;
        Ok(byte)
    }

    /// The next `len` bytes.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Reason> {
        if len > self.remaining() {
            return Err("a length in it points beyond its end");
        }
        let taken = &self.bytes[self.at..self.at + len];
        self.at += len;
        Ok(taken)
    }

    /// A varint of 32 bits.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<i32, Reason> {
        i32::try_from(self.varlong()?).map_err(|_| "a number in it has more than 32 bits")
    }

    /// A varint of 64 bits.
    #[inline]
    pub(super) fn varlong(&mut self) -> Result<i64, Reason> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(unzigzag(u64::from(first)));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..=63).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(unzigzag(value));
            }
        }
        Err("a number in it has more than 64 bits")
    }

    /// A length, and as many bytes; -1 is none.
    #[inline]
    pub(super) fn optional_bytes(&mut self) -> Result<Option<&'a [u8]>, Reason> {
        match self.varint()? {
            -1 => Ok(None),
            len => {
                let len = usize::try_from(len).map_err(|_| "a length in it is negative")?;
                self.take(len).map(Some)
            }
        }
    }

    /// A count or length that must be there.
    #[inline]
    pub(super) fn size(&mut self) -> Result<usize, Reason> {
        usize::try_from(self.varint()?).map_err(|_| "a length in it is negative")
    }
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: i64) -> Vec<u8> {
        let mut out = [0; VARLONG_LEN_MAX];
        let len = write_varlong(&mut out, value);
        out[..len].to_vec()
    }

    #[test]
    fn small_numbers_take_one_byte() {
        assert_eq!(written(0), [0]);
        assert_eq!(written(-1), [1]);
        assert_eq!(written(63), [126]);
        assert_eq!(written(64), [128, 1]);
        assert_eq!(written(i64::MIN).len(), VARLONG_LEN_MAX);
        assert_eq!(varint_len(i32::MIN), 5);
    }

    #[test]
    fn a_number_that_does_not_end_or_overflows_is_refused() {
        assert!(Cursor::new(&[0x80; 20]).varlong().is_err());
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varlong().is_err());
        assert!(Cursor::new(&written(i64::from(i32::MAX) + 1)).varint().is_err());
        assert!(Cursor::new(&[]).varlong().is_err());
    }

    proptest! {
        #[test]
        fn numbers_are_read_back(value: i64) {
            let bytes = written(value);
            prop_assert_eq!(bytes.len(), varlong_len(value));
            prop_assert_eq!(Cursor::new(&bytes).varlong(), Ok(value));
        }
    }
}
