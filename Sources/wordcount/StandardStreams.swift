import Glibc

/// Standard output, written past C's buffers so that a failure is seen.
enum StandardOutput {
  /// - Returns: 0, or the `errno` of the failure.
  static func write(_ text: String) -> CInt {
    writeAll(text, to: STDOUT_FILENO)
  }
}

/// Standard error. A failure to write there has nowhere to be told.
enum StandardError {
  static func write(_ text: String) {
    _ = writeAll(text, to: STDERR_FILENO)
  }
}

private func writeAll(_ text: String, to descriptor: CInt) -> CInt {
  var text = text
  return text.withUTF8 { bytes in
    var rest = UnsafeRawBufferPointer(bytes)
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if count >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if errno == EAGAIN {
        // The descriptor was made non-blocking by whoever shares it with us.
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waiting, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }
}
