"""調閱: who asks for footage, who grants it, who looks and what becomes of the copy. Begin with `request`."""
