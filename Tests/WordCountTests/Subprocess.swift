import Foundation
import Synchronization

/// A program that was started, and what it wrote.
struct Subprocess {
  /// The exit status; 128 plus the signal's number if a signal killed it, as in shells.
  var status: Int32
  var wasKilled: Bool
  var output: String
  var error: String

  /// Runs a program to its end.
  static func run(_ path: String, _ arguments: [String]) throws -> Subprocess {
    let running = try Running(path, arguments)
    return running.wait()
  }

  /// A program that runs, with its streams collected by threads of their own so that it never waits for us.
  final class Running {
    private let process = Process()
    private let output: Collector
    private let error: Collector

    /// - Parameters:
    ///   - output: where standard output goes, if not into a pipe that is collected.
    ///   - error: the same for standard error.
    init(_ path: String, _ arguments: [String], output: Pipe? = nil, error: FileHandle? = nil) throws {
      let (outputPipe, errorPipe) = (Pipe(), Pipe())
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output ?? outputPipe
      process.standardError = error ?? errorPipe
      try process.run()
      self.output = Collector(output == nil ? outputPipe.fileHandleForReading : nil)
      self.error = Collector(error == nil ? errorPipe.fileHandleForReading : nil)
    }

    var isRunning: Bool { process.isRunning }

    func send(signal: Int32) {
      kill(process.processIdentifier, signal)
    }

    /// The processes that it has started and that have not ended, by their numbers.
    var children: [Int32] {
      let tasks = "/proc/\(process.processIdentifier)/task"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
      return names.flatMap { name -> [Int32] in
        let list = try? String(contentsOfFile: "\(tasks)/\(name)/children", encoding: .utf8)
        return (list ?? "").split(separator: " ").compactMap { Int32($0) }
      }
    }

    /// What it has written to standard error so far.
    var errorSoFar: String { error.soFar }

    /// Waits for the end. A program that hangs is killed after two minutes, so that its test fails.
    func wait() -> Subprocess {
      let identifier = process.processIdentifier
      let watchdog = DispatchWorkItem { kill(identifier, SIGKILL) }
      DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: watchdog)
      defer { watchdog.cancel() }
      let (output, error) = (output.text(), error.text())
      process.waitUntilExit()
      let wasKilled = process.terminationReason == .uncaughtSignal
      return Subprocess(
        status: process.terminationStatus + (wasKilled ? 128 : 0), wasKilled: wasKilled, output: output,
        error: error)
    }
  }
}

/// Reads a stream to its end on a thread of its own.
final class Collector: Sendable {
  private let done = DispatchSemaphore(value: 0)
  private let bytes = Mutex<[UInt8]>([])

  init(_ handle: FileHandle?) {
    guard let handle else {
      done.signal()
      return
    }
    // The handle closes its descriptor when it goes: the thread keeps it.
    let descriptor = handle.fileDescriptor
    Thread.detachNewThread { [self] in
      withExtendedLifetime(handle) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
          let count = read(descriptor, &buffer, buffer.count)
          if count < 0 && errno == EINTR { continue }
          // A terminal whose other end is closed gives EIO.
          if count <= 0 { break }
          bytes.withLock { $0 += buffer[..<count] }
        }
      }
      done.signal()
    }
  }

  /// What has been read so far.
  var soFar: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

  /// All, once the stream has ended.
  func text() -> String {
    done.wait()
    done.signal()
    return soFar
  }
}
