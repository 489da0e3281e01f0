"""The disks (錄影硬碟): identity, lock, room, and which of them takes the next segments."""
