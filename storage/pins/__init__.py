"""Evidence (證據保存): intervals kept out of the ring by somebody with the right to do so."""
