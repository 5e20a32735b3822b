//! Where one JSON object ends and the next begins: objects follow each other with or without white space, in chunks cut
//! anywhere. Whether what lies between the braces is JSON is for its reader to say. Pure.

use bytes::{Buf, Bytes, BytesMut};

/// What cannot be the beginning of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoObject(pub(super) u8);

/// Takes chunks and gives objects.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    held: BytesMut,
    /// How far `held` has been looked at.
    seen: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
}

impl Scanner {
    /// Takes the next chunk.
    pub(super) fn take(&mut self, chunk: &[u8]) {
        self.held.extend_from_slice(chunk);
    }

    /// How many bytes of unfinished objects are held.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether something has begun that has not ended.
    pub(super) fn is_within(&self) -> bool {
        self.held.iter().any(|byte| !byte.is_ascii_whitespace())
    }

    /// The next whole object, if it is there.
    ///
    /// # Errors
    /// What stands where an object should begin; nothing can be found behind it.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, NoObject> {
        if self.depth == 0 {
            let blank = self.held.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.held.advance(blank);
            self.seen = 0;
            match self.held.first() {
                None => return Ok(None),
                Some(b'{') => {}
                Some(other) => return Err(NoObject(*other)),
            }
        }
        while let Some(byte) = self.held.get(self.seen).copied() {
            self.seen += 1;
            if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        let object = self.held.split_to(self.seen).freeze();
                        self.seen = 0;
                        return Ok(Some(object));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn objects(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, NoObject> {
        let (mut scanner, mut found) = (Scanner::default(), Vec::new());
        for chunk in chunks {
            scanner.take(chunk);
            while let Some(object) = scanner.next()? {
                found.push(object.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn objects_are_found_whatever_lies_within_and_between() {
        let found = objects(&[b"{} \n{\"a\":{\"b\":[1,{}]}}{\"c\":\"}\\\"{\"}  "]).unwrap();
        let expected: [&[u8]; 3] = [b"{}", b"{\"a\":{\"b\":[1,{}]}}", b"{\"c\":\"}\\\"{\"}"];
        assert_eq!(found, expected);
        assert_eq!(objects(&[b"{} [1]"]), Err(NoObject(b'[')));
        assert_eq!(objects(&[b"{},{}"]), Err(NoObject(b',')));
        assert_eq!(objects(&[b" "]).unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn what_has_not_ended_is_known() {
        let mut scanner = Scanner::default();
        scanner.take(b" {\"a\":1");
        assert_eq!((scanner.next(), scanner.is_within()), (Ok(None), true));
        scanner.take(b"} ");
        assert_eq!(scanner.next(), Ok(Some(Bytes::from("{\"a\":1}"))));
        assert_eq!((scanner.next(), scanner.is_within(), scanner.held()), (Ok(None), false, 0));
    }

    proptest! {
        /// However a body is cut into chunks, its objects are the same.
        #[test]
        fn chunks_do_not_matter(
            texts in prop::collection::vec(".{0,12}", 1..6),
            cuts in prop::collection::vec(0_usize..200, 0..6),
        ) {
            let objects_sent: Vec<Vec<u8>> = texts
                .iter()
                .map(|text| serde_json::to_vec(&serde_json::json!({ "a": [text, {}] })).unwrap())
                .collect();
            let body = objects_sent.join(&b' ');
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            prop_assert_eq!(objects(&chunks).unwrap(), objects_sent);
        }
    }
}
