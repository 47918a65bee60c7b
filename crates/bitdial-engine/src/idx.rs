//! Reads IDX files of unsigned bytes, gzipped or not: the format of MNIST and Fashion-MNIST.
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>: two zero bytes, a type, the number of dimensions, each dimension as a
//! big-endian u32, the elements row-major.

use std::io::{ErrorKind, Read};

use flate2::read::GzDecoder;

use crate::error::EngineError;

/// Most bytes that one file may hold when unpacked: 35 times the 10,000 images of MNIST.
pub const MAX_BYTES: usize = 256 << 20;

/// IDX type of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// Unsigned bytes with their dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// As in the file; their product is the length of `data`.
    pub dims: Vec<usize>,
    /// Row-major.
    pub data: Vec<u8>,
}

/// Reads a file of `rank` dimensions; `what` names it in errors.
///
/// Memory grows with the data that is really there, never with what the header claims.
///
/// # Errors
/// [`EngineError::Idx`] if the file is not such a file, is shorter or longer than it says, or is larger than
/// [`MAX_BYTES`]; [`EngineError::Gzip`] if its compression is damaged.
pub fn read(file: &[u8], rank: u8, what: &'static str) -> Result<Idx, EngineError> {
    if file.starts_with(&[0x1f, 0x8b]) { parse(GzDecoder::new(file), rank, what) } else { parse(file, rank, what) }
}

fn parse(mut source: impl Read, rank: u8, what: &'static str) -> Result<Idx, EngineError> {
    let refuse = |reason: String| EngineError::Idx { what, reason };

    let mut magic = [0; 4];
    exactly(&mut source, &mut magic, what)?;
    if magic != [0, 0, UNSIGNED_BYTE, rank] {
        let found = u32::from_be_bytes(magic);
        return Err(refuse(format!("it starts with {found:#010x}, where unsigned bytes in {rank} dimensions start with 0x0000080{rank}")));
    }

    let mut dims = Vec::new();
    for _ in 0..rank {
        let mut dim = [0; 4];
        exactly(&mut source, &mut dim, what)?;
        dims.push(u32::from_be_bytes(dim) as usize);
    }
    let len = dims
        .iter()
        .try_fold(1usize, |len, &dim| len.checked_mul(dim))
        .filter(|&len| len <= MAX_BYTES)
        .ok_or_else(|| refuse(format!("it says that it holds {dims:?} bytes, and {} MiB is the most", MAX_BYTES >> 20)))?;

    let mut data = Vec::new();
    // One byte more than wanted: tells a file that is too long, and reaches the end where gzip keeps its checksum.
    source.take(len as u64 + 1).read_to_end(&mut data).map_err(|e| EngineError::Gzip { what, reason: e.to_string() })?;
    match data.len() {
        found if found < len => Err(refuse(format!("it says that it holds {dims:?} bytes, and ends after {found} of them"))),
        found if found > len => Err(refuse(format!("it goes on after the {dims:?} bytes that it says it holds"))),
        _ => Ok(Idx { dims, data }),
    }
}

/// Fills `buffer` from the header.
fn exactly(source: &mut impl Read, buffer: &mut [u8], what: &'static str) -> Result<(), EngineError> {
    source.read_exact(buffer).map_err(|e| match e.kind() {
        ErrorKind::UnexpectedEof => EngineError::Idx { what, reason: "it ends inside its header".into() },
        _ => EngineError::Gzip { what, reason: e.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn file(magic: [u8; 4], dims: &[u32], data: &[u8]) -> Vec<u8> {
        let mut file = magic.to_vec();
        file.extend(dims.iter().flat_map(|d| d.to_be_bytes()));
        file.extend(data);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    const IMAGES: [u8; 4] = [0, 0, 8, 3];

    #[test]
    fn plain_and_gzipped_files_read_alike() {
        let plain = file(IMAGES, &[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let expected = Idx { dims: vec![2, 1, 3], data: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(read(&plain, 3, "images").unwrap(), expected);
        assert_eq!(read(&gzip(&plain), 3, "images").unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = file(IMAGES, &[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let mut damaged = gzip(&good);
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        let mut cut = gzip(&good);
        cut.truncate(cut.len() - 12);
        for (bytes, reason) in [
            (vec![], "ends inside its header"),
            (good[..9].to_vec(), "ends inside its header"),
            (file([0, 0, 8, 1], &[6], &[0; 6]), "starts with 0x00000801"),
            (file([0, 0, 9, 3], &[1, 1, 1], &[0]), "starts with 0x00000903"),
            (good[..good.len() - 1].to_vec(), "ends after 5"),
            ([&good[..], &[0]].concat(), "goes on after"),
            (file(IMAGES, &[u32::MAX; 3], &[]), "256 MiB is the most"),
            (file(IMAGES, &[1 << 16, 1 << 16, 1], &[]), "256 MiB is the most"),
            (damaged, "the images file is damaged"),
            (cut, "the images file is damaged"),
        ] {
            let error = read(&bytes, 3, "images").unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_gzip_bomb_stops_at_what_its_header_says() {
        let mut bomb = file(IMAGES, &[1, 28, 28], &[0; 784]);
        bomb.resize(64 << 20, 0);
        let bomb = gzip(&bomb);
        assert!(bomb.len() < 100 << 10);
        let error = read(&bomb, 3, "images").unwrap_err().to_string();
        assert!(error.contains("goes on after"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), zipped: bool) {
            let bytes = if zipped { gzip(&bytes) } else { bytes };
            let _ = read(&bytes, 3, "images");
        }

        #[test]
        fn no_damage_panics(at in 0usize..60, with: u8) {
            let mut bytes = gzip(&file(IMAGES, &[2, 4, 4], &[7; 32]));
            let at = at % bytes.len();
            bytes[at] = with;
            let _ = read(&bytes, 3, "images");
        }
    }
}
