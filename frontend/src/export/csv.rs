//! Tables as comma-separated values.

/// Comma-separated values: a head, and rows as long as it.
pub fn csv(head: &[String], rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in std::iter::once(head).chain(rows.iter().map(Vec::as_slice)) {
        // Writing into memory does not fail, and no row is longer than the head.
        let _ = writer.write_record(record);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}
