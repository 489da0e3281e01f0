"""The ring (循環儲存): carries out what storage.retention decides, and what follows when nothing may go."""
