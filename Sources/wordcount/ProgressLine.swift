import Glibc
import Synchronization

/// One line at the bottom of standard error that is rewritten in place, and messages above it.
final class ProgressLine: Sendable {
  private struct State {
    var isShown: Bool
    /// Whether the line stands on the terminal now.
    var isDrawn = false
  }

  private static let clear = "\r\u{1B}[K"
  private let state: Mutex<State>

  /// - Parameter isShown: whether there is a progress line at all; messages are written in any case.
  init(isShown: Bool) {
    state = Mutex(State(isShown: isShown))
  }

  /// Replaces the line.
  func show(_ text: @autoclosure () -> String) {
    state.withLock { state in
      guard state.isShown else { return }
      state.isDrawn = true
      // One column stays free: some terminals wrap when the last one is written.
      StandardError.write(Self.clear + text().prefix(Self.width - 1))
    }
  }

  /// Writes a line that stays.
  func message(_ text: String) {
    state.withLock { state in
      StandardError.write((state.isDrawn ? Self.clear : "") + text + "\n")
      state.isDrawn = false
    }
  }

  /// Removes the line for good, and leaves `lastLine` in its place if there is a progress line at all.
  func end(lastLine: String? = nil) {
    state.withLock { state in
      guard state.isShown else { return }
      state.isShown = false
      if state.isDrawn { StandardError.write(Self.clear) }
      if let lastLine { StandardError.write(lastLine + "\n") }
      state.isDrawn = false
    }
  }

  private static var width: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
    return Int(size.ws_col)
  }
}
