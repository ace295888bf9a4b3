"""The log's topics that the services know by name."""

DEAD_LETTERS = "error.dlq"
WATERMARK_TOPIC = "system.watermark"
