//! Barcodes: AIM symbology identifiers, GTINs, GS1 element strings.
