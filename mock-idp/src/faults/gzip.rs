//! A gzip bomb, written by hand: about a thousandth of what it decodes to.
//!
//! The data is NUL bytes, so that one literal and then "258 bytes from 1 back" says it all.
//! A dynamic Huffman table gives that match one bit, and its distance one bit.

/// A gzip file that decodes to that many NUL bytes.
pub(super) fn bomb(decoded: u64) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bits = Bits {
        out: &mut out,
        byte: 0,
        used: 0,
    };
    table(&mut bits);
    if decoded > 0 {
        bits.code(0b10, 2);
        let left = decoded - 1;
        for _ in 0..left / 258 {
            bits.code(0b00, 2);
        }
        for _ in 0..left % 258 {
            bits.code(0b10, 2);
        }
    }
    bits.code(0b11, 2);
    bits.finish();
    out.extend(crc_of_zeros(decoded).to_le_bytes());
    // The format keeps the length modulo 2^32.
    out.extend(&decoded.to_le_bytes()[..4]);
    out
}

/// The block header: codes `0` for length 258, `10` for the literal 0, `11` for the end.
fn table(bits: &mut Bits<'_>) {
    bits.number(1, 1); // the last block
    bits.number(2, 2); // with its own table
    bits.number(29, 5); // 257 + 29 = 286 literals and lengths
    bits.number(0, 5); // 1 distance
    bits.number(14, 4); // 4 + 14 = 18 lengths of the code that codes the lengths
    // In the order the format prescribes: 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1.
    // Symbol 18 ("zeros") gets code 0, symbol 1 gets 10, symbol 2 gets 11.
    for length in [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2] {
        bits.number(length, 3);
    }
    let zeros = |bits: &mut Bits<'_>, count: u32| {
        bits.code(0b0, 1);
        bits.number(count - 11, 7);
    };
    bits.code(0b11, 2); // literal 0: two bits
    zeros(bits, 138);
    zeros(bits, 117);
    bits.code(0b11, 2); // 256, the end: two bits
    zeros(bits, 28);
    bits.code(0b10, 2); // 285, length 258: one bit
    bits.code(0b10, 2); // distance 1: one bit
}

/// Writes bits, the lowest of each byte first.
struct Bits<'a> {
    out: &'a mut Vec<u8>,
    byte: u8,
    used: u8,
}

impl Bits<'_> {
    fn bit(&mut self, bit: bool) {
        self.byte |= u8::from(bit) << self.used;
        self.used += 1;
        if self.used == 8 {
            self.out.push(self.byte);
            (self.byte, self.used) = (0, 0);
        }
    }

    /// A number: lowest bit first.
    fn number(&mut self, value: u32, width: u32) {
        for index in 0..width {
            self.bit(value >> index & 1 == 1);
        }
    }

    /// A Huffman code: highest bit first.
    fn code(&mut self, value: u32, width: u32) {
        for index in (0..width).rev() {
            self.bit(value >> index & 1 == 1);
        }
    }

    fn finish(self) {
        if self.used > 0 {
            self.out.push(self.byte);
        }
    }
}

/// CRC-32 of that many NUL bytes, without visiting them: one NUL byte is a linear map on the
/// register, and a power of a map comes by squaring.
fn crc_of_zeros(count: u64) -> u32 {
    let mut step: [u32; 32] = std::array::from_fn(|bit| {
        (0..8).fold(1 << bit, |crc: u32, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    });
    let mut crc = u32::MAX;
    let mut left = count;
    while left > 0 {
        if left & 1 == 1 {
            crc = apply(&step, crc);
        }
        step = step.map(|column| apply(&step, column));
        left >>= 1;
    }
    !crc
}

fn apply(map: &[u32; 32], vector: u32) -> u32 {
    map.iter()
        .enumerate()
        .filter(|(bit, _)| vector >> bit & 1 == 1)
        .fold(0, |sum, (_, column)| sum ^ column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc_of_zeros(0), 0);
        assert_eq!(crc_of_zeros(1), 0xD202_EF8D);
        assert_eq!(crc_of_zeros(4), 0x2144_DF1C);
    }

    #[test]
    fn it_is_a_thousandth() {
        assert!(bomb(1 << 30).len() < (1 << 30) / 1000);
    }
}
