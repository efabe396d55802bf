"""Search of parameters inside their bounds. Pure: it proposes, others simulate and judge."""
