// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "sluice",
  products: [
    .library(name: "Sluice", targets: ["Sluice"]),
    .library(name: "CSluice", targets: ["CSluice"]),
  ],
  dependencies: [
    // Only `wordcount`, the example program, uses it: a package that depends on the library does
    // not build it.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    .target(
      name: "CSluice",
      path: "CSupport",
      publicHeadersPath: "include",
      cSettings: [.define("URCU_INLINE_SMALL_FUNCTIONS"), .define("_GNU_SOURCE")],
      linkerSettings: [.linkedLibrary("urcu-memb"), .linkedLibrary("urcu-common")]
    ),
    .target(name: "Sluice", dependencies: ["CSluice"]),
    .target(name: "WordCountCore", dependencies: ["Sluice"]),
    .executableTarget(
      name: "wordcount",
      dependencies: [
        "Sluice", "WordCountCore", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
    // Measures a queue's memory in a process of its own, for a test.
    .executableTarget(
      name: "queue-memory", dependencies: ["CSluice"], path: "Tests/QueueMemory",
      cSettings: [.define("_GNU_SOURCE")]),
    // Runs a pipeline with worker processes and dies on purpose, for a test.
    .executableTarget(
      name: "process-parent", dependencies: ["CSluice", "Sluice"], path: "Tests/ProcessParent"),
    // Start themselves in ways that make a worker of them or must not, for a test.
    .executableTarget(
      name: "worker-probe", dependencies: ["CSluice"], path: "Tests/Probes/Worker",
      cSettings: [.define("_GNU_SOURCE")]),
    .executableTarget(
      name: "core-probe", dependencies: ["CSluice"], path: "Tests/Probes/Core",
      cSettings: [.define("_GNU_SOURCE")]),
    .testTarget(
      name: "CSluiceTests", dependencies: ["CSluice", "queue-memory", "worker-probe", "core-probe"],
      exclude: ["Headers"]),
    .testTarget(name: "SluiceTests", dependencies: ["Sluice", "process-parent"]),
    .testTarget(name: "StressTests", dependencies: ["CSluice", "Sluice"]),
    .testTarget(name: "WordCountTests", dependencies: ["WordCountCore", "wordcount"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11,
  cxxLanguageStandard: .cxx17
)
