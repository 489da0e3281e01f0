"""Fragmented MP4 and QuickTime files, written from coded units as they come. Pure: values in, bytes out."""
