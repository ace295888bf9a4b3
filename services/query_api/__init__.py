"""The query API: it answers reads, health and watermark, and writes markers into the stream."""
