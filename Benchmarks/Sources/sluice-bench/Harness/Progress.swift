import Glibc

/// One line on standard error that says what is being measured, if somebody sits there.
struct Progress {
  private let isShown = isatty(STDERR_FILENO) == 1

  func show(_ text: String) { write("\r\(text)\u{1B}[K") }

  func clear() { write("\r\u{1B}[K") }

  private func write(_ text: String) {
    guard isShown else { return }
    _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
  }
}
