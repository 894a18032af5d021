//! Numbers, sizes and times as people read them.

/// A fraction in per cent.
pub fn percent(value: f64) -> String {
    let value = 100.0 * value;
    if value > 0.0 && value < 1.0 { format!("{value:.2} %") } else { format!("{value:.1} %") }
}

/// A count in thousands, millions or thousand millions.
pub fn count(value: f64) -> String {
    match value.abs() {
        size if size >= 1e9 => format!("{:.2}G", value / 1e9),
        size if size >= 1e6 => format!("{:.2}M", value / 1e6),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}

/// A size in bytes, in KB, MB or GB (powers of 1000).
pub fn file_size(bytes: i64) -> String {
    match bytes as f64 {
        bytes if bytes < 1e6 => format!("{:.0} KB", bytes / 1e3),
        bytes if bytes < 1e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}

/// Date and time of day, from milliseconds since 1970, as the browser's language writes them.
pub fn date_time(milliseconds: f64) -> String {
    js_sys::Date::new(&milliseconds.into())
        .to_locale_string("default", &js_sys::Object::new())
        .into()
}

/// A duration in seconds, minutes or hours.
pub fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// How long something still takes.
pub fn time_left(seconds: f64) -> String {
    if seconds < 1.0 { "almost done".to_owned() } else { format!("{} left", duration(seconds)) }
}
