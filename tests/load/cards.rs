//! Card numbers that look right and belong to nobody: test prefixes, digits
//! from a seed, and the check digit (ISO/IEC 7812-1 annex B). The same seed
//! gives the same cards, so that two runs do the same work.

/// Prefixes of test cards; none begins one of the sandbox's magic numbers.
const PREFIXES: [&str; 3] = ["411111", "555555", "979200"];
const LENGTH: usize = 16;

/// An endless row of card numbers.
pub struct Cards {
    state: u64,
    made: usize,
}

impl Cards {
    pub fn new(seed: u64) -> Self {
        Self { state: seed, made: 0 }
    }

    /// The next number, digits only.
    pub fn number(&mut self) -> String {
        let mut number = PREFIXES[self.made % PREFIXES.len()].to_owned();
        self.made += 1;
        while number.len() < LENGTH - 1 {
            number.push(char::from(b'0' + (self.random() % 10) as u8));
        }
        number.push(check_digit(&number));
        number
    }

    /// The generator `SplitMix64`.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What makes the number's weighted digit sum a multiple of ten.
fn check_digit(digits: &str) -> char {
    let weigh = |(place, digit): (usize, u8)| match (digit - b'0', place % 2) {
        (value, 0) => value * 2 / 10 + value * 2 % 10,
        (value, _) => value,
    };
    let sum: u32 = digits.bytes().rev().enumerate().map(|item| u32::from(weigh(item))).sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}
