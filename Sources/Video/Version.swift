public enum VideoVersion {}
