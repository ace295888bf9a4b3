"""The archive of a region's log: written object by object, proven, and read again."""
