import Server
import Testing

@Suite("Metrics")
struct MetricsTests {
    @Test("families are written once, with their samples together")
    func layout() throws {
        let requests = MetricFamily(
            "x_requests_total", kind: .counter, labels: ["worker", "method"], help: "Requests\nby \\ \"method\".")
        let load = MetricFamily("x_load_ratio", kind: .gauge, help: "Load.")
        var page = MetricsPage()
        page.add(requests, [MetricSample(labels: ["0", "INVITE"], .integer(.max))])
        page.add(load, [MetricSample(.number(0.25))])
        page.add(requests, [MetricSample(labels: ["1", "a\"b\\c\nd"], .integer(2))])
        #expect(
            page.text == """
                # HELP x_requests_total Requests\\nby \\\\ "method".
                # TYPE x_requests_total counter
                x_requests_total{worker="0",method="INVITE"} 18446744073709551615
                x_requests_total{worker="1",method="a\\"b\\\\c\\nd"} 2
                # HELP x_load_ratio Load.
                # TYPE x_load_ratio gauge
                x_load_ratio 0.25

                """)
        let families = try StrictMetricsParser.parse(page.text)
        #expect(families["x_requests_total"]?.samples.last?.labels == ["worker": "1", "method": "a\"b\\c\nd"])
        #expect(families["x_requests_total"]?.help == "Requests\nby \\ \"method\".")
    }

    @Test("a histogram is cumulated and closed")
    func histogram() throws {
        let family = MetricFamily("x_wait_seconds", kind: .histogram, labels: ["worker"], help: "Waiting.")
        var page = MetricsPage()
        for worker in 0..<2 {
            let value = MetricHistogram(bounds: [0.001, 0.5, 1], counts: [1, 0, 2, 4], sum: 12.5)
            page.add(family, [MetricSample(labels: ["\(worker)"], .histogram(value))])
        }
        let samples = try #require(StrictMetricsParser.parse(page.text)["x_wait_seconds"]?.samples)
        #expect(samples.prefix(6).map(\.value) == [1, 1, 3, 7, 12.5, 7])
        #expect(samples.prefix(4).map { $0.labels["le"] } == ["0.001", "0.5", "1", "+Inf"])
    }

    @Test("values that are no finite numbers have their names, large and small ones an exponent")
    func numbers() throws {
        let family = MetricFamily("x_value", kind: .gauge, labels: ["n"], help: "Values.")
        var page = MetricsPage()
        let values = [Double.nan, .infinity, -.infinity, 1e300, 1e-9, -0.5, 1_700_000_000.125, 3]
        page.add(family, values.enumerated().map { MetricSample(labels: ["\($0)"], .number($1)) })
        let read = try #require(StrictMetricsParser.parse(page.text)["x_value"]?.samples.map(\.value))
        #expect(read[0].isNaN)
        #expect(Array(read.dropFirst()) == Array(values.dropFirst()))
        #expect(page.text.contains("x_value{n=\"7\"} 3\n"))
    }

    @Test("a repeated sample is left out, since strict readers refuse the page")
    func repeated() throws {
        let family = MetricFamily("x_total", kind: .counter, labels: ["n"], help: "Count.")
        var page = MetricsPage()
        page.add(family, [MetricSample(labels: ["a"], .integer(1)), MetricSample(labels: ["a"], .integer(2))])
        page.add(family, [MetricSample(labels: ["a"], .integer(3))])
        #expect(try StrictMetricsParser.parse(page.text)["x_total"]?.samples.map(\.value) == [1])
    }

    @Test(
        "the strict parser of these tests does refuse",
        arguments: [
            "a_total 1\n", "# TYPE a counter\n# HELP a x\na 1\n", "# HELP a_total x\n# TYPE a_total counter\na_total 1",
            "# HELP a x\n# TYPE a gauge\na 1\na 1\n", "# HELP a x\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
            "# HELP a x\n# TYPE a gauge\nb 1\n", "# HELP a x\n# HELP a x\n# TYPE a gauge\na 1\n",
            "# HELP a x\n# TYPE a gauge\na one\n", "# HELP a x\n# TYPE a gauge\n\na 1\n",
            "# HELP a x\n# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n",
            "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
        ])
    func parserRefuses(_ text: String) {
        #expect(throws: StrictMetricsParser.Problem.self) { try StrictMetricsParser.parse(text) }
    }
}
