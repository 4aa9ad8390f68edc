//! EDI documents: X12 850 and 810 to orders and invoices.
