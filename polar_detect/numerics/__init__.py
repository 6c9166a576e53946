"""Products and blocks of rows: the same bits in any company, as fast as the processor goes."""
