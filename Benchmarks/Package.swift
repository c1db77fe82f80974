// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that users of the library never resolve what only its benchmarks need.
let package = Package(
  name: "sluice-benchmarks",
  dependencies: [
    .package(name: "sluice", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.0.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    .target(name: "CFutex"),
    .executableTarget(
      name: "sluice-bench",
      dependencies: [
        "CFutex",
        .product(name: "Sluice", package: "sluice"),
        .product(name: "CSluice", package: "sluice"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "AsyncAlgorithms", package: "swift-async-algorithms"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ]
    ),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
