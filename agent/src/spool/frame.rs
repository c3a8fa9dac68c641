//! Frames: how one segment lies in a spool file, and how to find them again in a damaged one.
//!
//! A frame is a mark, the payload's length, a CRC-32 of the sequence number and the payload, the
//! sequence number, and the payload; integers are little-endian. Damage inside a file does not take
//! the frames behind it: the reader looks for the next mark whose frame is whole.

const MARK: [u8; 4] = *b"MSg1";
const HEADER_BYTES: usize = 20;

/// A segment is below 1 KiB; a length above this is damage.
pub(super) const MAX_PAYLOAD_BYTES: usize = 64 * 1_024;

/// One whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'file> {
    pub(super) seq: u64,
    pub(super) payload: &'file [u8],
}

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan<'file> {
    /// Whole frames, in order of their numbers.
    pub(super) frames: Vec<Frame<'file>>,
    /// Where the last whole frame ends.
    pub(super) whole_bytes: usize,
    /// Stretches of damage with a whole frame behind them.
    pub(super) damage_count: usize,
}

/// Appends one frame to `out`.
pub(super) fn write(seq: u64, payload: &[u8], out: &mut Vec<u8>) {
    assert!(payload.len() <= MAX_PAYLOAD_BYTES, "a segment is far below the largest payload");
    let length = u32::try_from(payload.len()).expect("checked above");
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(seq, payload).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(payload);
}

/// Finds every whole frame of a file.
pub(super) fn scan(file: &[u8]) -> Scan<'_> {
    let mut scan = Scan::default();
    let mut place = 0;
    while let Some((start, frame)) = next_frame(file, place) {
        let in_order = scan.frames.last().is_none_or(|last| last.seq < frame.seq);
        if start > place || !in_order {
            scan.damage_count += 1;
        }
        place = start + HEADER_BYTES + frame.payload.len();
        if in_order {
            scan.frames.push(frame);
        }
        scan.whole_bytes = place;
    }
    scan
}

/// The first whole frame at or behind `from`, and where it starts.
fn next_frame(file: &[u8], from: usize) -> Option<(usize, Frame<'_>)> {
    let last_start = file.len().checked_sub(HEADER_BYTES)?;
    (from..=last_start).find_map(|start| Some((start, frame_at(file.get(start..)?)?)))
}

fn frame_at(bytes: &[u8]) -> Option<Frame<'_>> {
    let (mark, rest) = bytes.split_first_chunk::<4>()?;
    if *mark != MARK {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > MAX_PAYLOAD_BYTES {
        return None;
    }
    let payload = rest.get(..length)?;
    let seq = u64::from_le_bytes(*seq);
    (checksum(seq, payload) == u32::from_le_bytes(*crc)).then_some(Frame { seq, payload })
}

fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seq.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(seqs: &[u64]) -> Vec<u8> {
        let mut file = Vec::new();
        for seq in seqs {
            write(*seq, format!("segment {seq}").as_bytes(), &mut file);
        }
        file
    }

    fn seqs(scan: &Scan<'_>) -> Vec<u64> {
        scan.frames.iter().map(|frame| frame.seq).collect()
    }

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_frames() {
        let file = file_of(&[1, 2, 3]);
        let two = file_of(&[1, 2]).len();
        for cut in two..file.len() {
            let scan = scan(&file[..cut]);
            assert_eq!((seqs(&scan), scan.whole_bytes), (vec![1, 2], two), "cut at {cut}");
            assert_eq!(scan.damage_count, 0, "a torn tail is not damage inside");
        }
    }

    #[test]
    fn one_wrong_byte_takes_one_frame_only() {
        let good = file_of(&[1, 2, 3]);
        let (second, third) = (file_of(&[1]).len(), file_of(&[1, 2]).len());
        for wrong in second..third {
            let mut file = good.clone();
            file[wrong] ^= 0x40;
            let scan = scan(&file);
            assert_eq!((seqs(&scan), scan.damage_count), (vec![1, 3], 1), "byte {wrong}");
            assert_eq!(scan.whole_bytes, good.len());
        }
    }

    #[test]
    fn numbers_that_run_backwards_are_damage() {
        let scan_of = file_of(&[5, 4, 6]);
        let scan = scan(&scan_of);
        assert_eq!((seqs(&scan), scan.damage_count), (vec![5, 6], 1));
    }
}
