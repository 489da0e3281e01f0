"""複製: films, lists and proofs of what was recorded, as they leave the box; of what, says `storage.exports`."""
