public enum SSATCoreVersion {}
