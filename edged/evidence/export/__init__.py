"""複製: films, lists and proofs of what was recorded, as they leave the box. Begin with `service`."""
