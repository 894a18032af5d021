//! What a person pastes into a paper.

use super::width::FigureWidth;

/// A figure of LaTeX with this file, caption and, as comments, the commands.
pub fn latex(file: &str, caption: &str, commands: &[String], width: FigureWidth) -> String {
    let environment = width.environment();
    let comments: String = commands.iter().map(|command| format!("% {command}\n")).collect();
    format!(
        "{comments}\\begin{{{environment}}}\n  \\centering\n  \\includegraphics[width={}]{{{file}}}\n  \
         \\caption{{{}}}\n\\end{{{environment}}}\n",
        width.in_latex(),
        escaped(caption)
    )
}

/// The text as LaTeX prints it.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => written.push_str(r"\textbackslash{}"),
            '~' => written.push_str(r"\textasciitilde{}"),
            '^' => written.push_str(r"\textasciicircum{}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                written.push('\\');
                written.push(letter);
            }
            '−' => written.push_str("$-$"),
            '×' => written.push_str(r"$\times$"),
            '±' => written.push_str(r"$\pm$"),
            '²' => written.push_str("$^2$"),
            '◊' => written.push_str(r"$\diamond$"),
            '–' => written.push_str("--"),
            _ => written.push(letter),
        }
    }
    written
}
