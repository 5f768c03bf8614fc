/// Name and version, for `--version`, the start-up line and the metrics.
public enum ServartukaVersion {
    public static let name = "servartuka"
    public static let current = "0.1.0"
}
