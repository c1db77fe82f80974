/* The driver is libFuzzer's. */
