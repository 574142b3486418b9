//! A merchant's logo: a PNG that is written anew from what was checked of it.
//!
//! Everything but the picture itself is left out: texts, camera data, colour
//! profiles, animation. Nearly every drawing program writes some, so refusing
//! them would refuse nearly every file; and what is kept is then only what this
//! file knows (PNG, third edition, sections 5 and 11).

use std::fmt;
use thiserror::Error;

/// The most that is kept, in bytes: it stands in every page.
pub const MAX_LOGO_BYTES: usize = 8 * 1024;
/// The most that is read of a file: room for what is left out of it.
pub const MAX_LOGO_FILE: usize = 64 * 1024;
/// The longest side, in pixels: bounds what a browser unpacks (4 MiB at most).
const MAX_SIDE: u32 = 1024;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Why a file is no logo.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum LogoError {
    /// Not a PNG, or one that ends early.
    #[error("the logo is not a whole PNG file: {0}")]
    Shape(&'static str),
    /// A chunk whose check sum is wrong.
    #[error("the logo is damaged: the check sum of its {0} chunk is wrong")]
    CheckSum(String),
    /// A chunk that a reader must know, and this one does not.
    #[error("the logo has a critical chunk {0}, which is not in the standard")]
    Unknown(String),
    /// Larger than a page can carry.
    #[error("the logo has {0} bytes without its extras; at most {MAX_LOGO_BYTES} are taken")]
    TooLarge(usize),
}

/// A checked PNG of at most 8 KiB: header, palette, transparency, picture, end.
#[derive(Clone, Eq, PartialEq)]
pub struct Logo {
    png: Vec<u8>,
    width: u32,
    height: u32,
}

impl Logo {
    /// Checks signature, header, order and check sum of every chunk, and keeps
    /// what belongs to the picture. It is not unpacked.
    ///
    /// # Errors
    /// [`LogoError`].
    pub fn parse(file: &[u8]) -> Result<Self, LogoError> {
        if file.len() > MAX_LOGO_FILE {
            return Err(LogoError::TooLarge(file.len()));
        }
        let mut rest = file.strip_prefix(SIGNATURE).ok_or(LogoError::Shape("it does not begin as one"))?;
        let mut picture = Picture::new();
        while picture.stage != Stage::Ended {
            let (chunk, behind) = Chunk::read(rest)?;
            picture.take(&chunk)?;
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(LogoError::Shape("something follows its end"));
        }
        if picture.kept.len() > MAX_LOGO_BYTES {
            return Err(LogoError::TooLarge(picture.kept.len()));
        }
        Ok(Self { png: picture.kept, width: picture.width, height: picture.height })
    }

    /// A logo that was checked when it was set, back from the store.
    pub(crate) fn from_store(png: Vec<u8>) -> Option<Self> {
        let side = |at: usize| png.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let (width, height) = (side(16)?, side(20)?);
        png.starts_with(SIGNATURE).then_some(Self { png, width, height })
    }

    /// The file as it is kept and shown.
    #[must_use]
    pub fn png(&self) -> &[u8] {
        &self.png
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Logo({} × {}, {} bytes)", self.width, self.height, self.png.len())
    }
}

/// One chunk, its check sum compared.
struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    /// All of it: length, kind, data, check sum.
    whole: &'a [u8],
}

impl<'a> Chunk<'a> {
    fn read(from: &'a [u8]) -> Result<(Self, &'a [u8]), LogoError> {
        let early = LogoError::Shape("it ends early");
        let (length, behind) = from.split_first_chunk::<4>().ok_or(early.clone())?;
        let (kind, _) = behind.split_first_chunk::<4>().ok_or(early.clone())?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| early.clone())?;
        let end = length.checked_add(4).ok_or(early.clone())?;
        let (checked, behind) = behind.split_at_checked(end).ok_or(early.clone())?;
        let (sum, behind) = behind.split_first_chunk::<4>().ok_or(early)?;
        let chunk = Self { kind: *kind, data: &checked[4..], whole: &from[..end + 8] };
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(LogoError::Shape("a chunk has no name"));
        }
        if u32::from_be_bytes(*sum) != crc(checked) {
            return Err(LogoError::CheckSum(chunk.name()));
        }
        Ok((chunk, behind))
    }

    fn name(&self) -> String {
        String::from_utf8_lossy(&self.kind).into_owned()
    }

    /// Capital first letter: a reader that does not know it cannot show the picture.
    fn is_critical(&self) -> bool {
        self.kind[0].is_ascii_uppercase()
    }
}

/// Where the reading is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Stage {
    Start,
    Header,
    Palette,
    Transparency,
    Data,
    AfterData,
    Ended,
}

struct Picture {
    stage: Stage,
    color_type: u8,
    depth: u8,
    width: u32,
    height: u32,
    kept: Vec<u8>,
}

impl Picture {
    fn new() -> Self {
        Self { stage: Stage::Start, color_type: 0, depth: 0, width: 0, height: 0, kept: SIGNATURE.to_vec() }
    }

    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), LogoError> {
        if self.stage == Stage::Start && &chunk.kind != b"IHDR" {
            return Err(LogoError::Shape("it does not begin with its header"));
        }
        let next = match &chunk.kind {
            b"IHDR" => self.header(chunk.data)?,
            b"PLTE" => self.palette(chunk.data)?,
            b"tRNS" => self.transparency(chunk.data)?,
            b"IDAT" => self.data(chunk.data)?,
            b"IEND" if chunk.data.is_empty() && self.stage >= Stage::Data => Stage::Ended,
            b"IEND" => return Err(LogoError::Shape("it ends without a picture")),
            _ if chunk.is_critical() => return Err(LogoError::Unknown(chunk.name())),
            _ => {
                // Left out. Pieces of the picture's data must stand together all the same.
                self.stage = if self.stage == Stage::Data { Stage::AfterData } else { self.stage };
                return Ok(());
            }
        };
        self.stage = next;
        self.kept.extend_from_slice(chunk.whole);
        Ok(())
    }

    fn header(&mut self, data: &[u8]) -> Result<Stage, LogoError> {
        let [w0, w1, w2, w3, h0, h1, h2, h3, depth, color_type, 0, 0, 0 | 1] = *data else {
            return Err(LogoError::Shape("its header is not one"));
        };
        (self.width, self.height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        (self.depth, self.color_type) = (depth, color_type);
        if self.stage != Stage::Start {
            return Err(LogoError::Shape("it has two headers"));
        }
        if ![self.width, self.height].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
            return Err(LogoError::Shape("a side is not between 1 and 1024 pixels"));
        }
        let is_known = match color_type {
            0 | 3 => matches!(depth, 1 | 2 | 4 | 8),
            2 | 4 | 6 => depth == 8,
            _ => false,
        };
        if is_known { Ok(Stage::Header) } else { Err(LogoError::Shape("it has not 1 to 8 bits a channel")) }
    }

    fn palette(&self, data: &[u8]) -> Result<Stage, LogoError> {
        let most = if self.color_type == 3 { 3 << self.depth } else { 3 << 8 };
        let fits = !data.is_empty() && data.len().is_multiple_of(3) && data.len() <= most;
        if self.stage != Stage::Header || matches!(self.color_type, 0 | 4) || !fits {
            return Err(LogoError::Shape("its palette is wrong or in the wrong place"));
        }
        Ok(Stage::Palette)
    }

    fn transparency(&self, data: &[u8]) -> Result<Stage, LogoError> {
        let fits = match self.color_type {
            0 => data.len() == 2,
            2 => data.len() == 6,
            3 => self.stage == Stage::Palette && (1..=256).contains(&data.len()),
            _ => false,
        };
        if !fits || self.stage >= Stage::Transparency {
            return Err(LogoError::Shape("its transparency is wrong or in the wrong place"));
        }
        Ok(Stage::Transparency)
    }

    fn data(&self, data: &[u8]) -> Result<Stage, LogoError> {
        if self.stage > Stage::Data || (self.color_type == 3 && self.stage < Stage::Palette) {
            return Err(LogoError::Shape("its data are in the wrong place"));
        }
        // How a zlib stream begins (RFC 1950, section 2.2).
        let begins = |first: u8, second: u8| first & 15 == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
        if self.stage < Stage::Data && !data.first_chunk::<2>().is_some_and(|&[one, two]| begins(one, two)) {
            return Err(LogoError::Shape("its data are not compressed as they should be"));
        }
        Ok(Stage::Data)
    }
}

/// CRC-32 as PNG has it (annex D), bit by bit: a logo is checked once, when it is set.
fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let checked = [kind, data].concat();
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length, checked.as_slice(), &crc(&checked).to_be_bytes()].concat()
    }

    fn header(width: u32, height: u32, depth: u8, color_type: u8) -> Vec<u8> {
        chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, color_type, 0, 0, 0]].concat())
    }

    fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
        [SIGNATURE, &chunks.concat()].concat()
    }

    fn data() -> Vec<u8> {
        chunk(b"IDAT", &[0x78, 0x9c, 1, 2, 3])
    }

    fn end() -> Vec<u8> {
        chunk(b"IEND", &[])
    }

    #[test]
    fn the_check_sum_is_crc_32() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn a_picture_is_kept_without_its_extras() {
        let plain = png(&[header(40, 30, 8, 6), data(), data(), end()]);
        let logo = Logo::parse(&plain).unwrap();
        assert_eq!((logo.png(), logo.size()), (plain.as_slice(), (40, 30)));
        let extras = png(&[
            header(40, 30, 8, 6),
            chunk(b"tEXt", b"Comment\0<script>alert(1)</script>"),
            chunk(b"eXIf", b"MM\0*where it was taken"),
            chunk(b"acTL", &[0; 8]),
            data(),
            data(),
            chunk(b"fdAT", &[0; 40]),
            chunk(b"iTXt", &[b'x'; 9000]),
            end(),
        ]);
        assert_eq!(Logo::parse(&extras), Ok(logo.clone()));
        assert_eq!(Logo::from_store(logo.png().to_vec()), Some(logo));
    }

    #[test]
    fn palettes_and_transparency_have_their_places() {
        let palette = || chunk(b"PLTE", &[1, 2, 3, 4, 5, 6]);
        let good = png(&[header(9, 9, 1, 3), palette(), chunk(b"tRNS", &[0]), data(), end()]);
        assert!(Logo::parse(&good).is_ok());
        for bad in [
            png(&[header(9, 9, 8, 3), data(), end()]),
            png(&[header(9, 9, 8, 3), data(), palette(), end()]),
            png(&[header(9, 9, 8, 0), palette(), data(), end()]),
            png(&[header(9, 9, 1, 3), chunk(b"PLTE", &[0; 9]), data(), end()]),
            png(&[header(9, 9, 8, 3), chunk(b"PLTE", &[0; 4]), data(), end()]),
            png(&[header(9, 9, 8, 6), chunk(b"tRNS", &[0; 6]), data(), end()]),
            png(&[header(9, 9, 8, 3), chunk(b"tRNS", &[0]), palette(), data(), end()]),
        ] {
            assert!(matches!(Logo::parse(&bad), Err(LogoError::Shape(_))));
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let header = || header(9, 9, 8, 6);
        for (bad, why) in [
            (b"GIF89a".to_vec(), "begin"),
            (SIGNATURE.to_vec(), "early"),
            (png(&[data(), header(), end()]), "header"),
            (png(&[header(), header(), data(), end()]), "two headers"),
            (png(&[header(), end()]), "without a picture"),
            (png(&[header(), data()]), "early"),
            (png(&[header(), data(), end(), b"<html>".to_vec()]), "follows"),
            (png(&[header(), data(), chunk(b"tEXt", b"x"), data(), end()]), "place"),
            (png(&[header(), chunk(b"IDAT", b"<svg>"), end()]), "compressed"),
            (png(&[header(), data(), chunk(b"I<ND", b"")]), "name"),
            (png(&[self::header(0, 9, 8, 6), data(), end()]), "side"),
            (png(&[self::header(9, 1025, 8, 6), data(), end()]), "side"),
            (png(&[self::header(9, 9, 16, 6), data(), end()]), "bits"),
            (png(&[self::header(9, 9, 8, 5), data(), end()]), "bits"),
        ] {
            let refused = Logo::parse(&bad).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}: {why}");
        }
        let critical = png(&[header(), chunk(b"EVIL", b""), data(), end()]);
        assert_eq!(Logo::parse(&critical), Err(LogoError::Unknown("EVIL".to_owned())));
        let large = png(&[header(), chunk(b"IDAT", &[[0x78, 0x9c].as_slice(), &[0; 8192]].concat()), end()]);
        assert!(matches!(Logo::parse(&large), Err(LogoError::TooLarge(_))));
        assert!(matches!(Logo::parse(&vec![0; MAX_LOGO_FILE + 1]), Err(LogoError::TooLarge(_))));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let good = png(&[header(9, 9, 8, 6), chunk(b"tEXt", b"Author\0somebody"), data(), end()]);
        for at in 0..good.len() {
            assert!(Logo::parse(&good[..at]).is_err(), "cut at {at}");
            let mut changed = good.clone();
            changed[at] ^= 0x20;
            assert!(Logo::parse(&changed).is_err(), "changed at {at}");
        }
    }
}
