import Foundation

/// Predicts changes on a thread of its own, while frames go on with the last ones: a picture is ready as soon as its faces are
/// found, and what the makeup is catches up a frame or two later.
///
/// Threads: all calls come from one thread; `work` is called on the predictor's.
final class Predictor: @unchecked Sendable {
    /// A face as it was when the prediction began; `change` is the result.
    final class Job: @unchecked Sendable {
        let view = FaceView()
        /// Since then.
        fileprivate(set) var since = MotionField()
        fileprivate(set) var outfit = MakeupFilter.Outfit(look: nil, recipe: Recipe())
    }

    private let queue = DispatchQueue(label: "ssat-live.predict", qos: .userInitiated)
    private let group = DispatchGroup()
    private let lock = NSLock()
    private var isBusy = false
    /// Of the work in hand, or of that which was done last; then those that may be used again.
    private var jobs: [Job] = [], spare: [Job] = []

    private var scratch = MotionField()

    /// Whether nothing is in work, and nothing that was done waits to be collected.
    var isIdle: Bool { jobs.isEmpty }

    /// Copies the faces and begins. Only when idle.
    func begin(_ views: [FaceView], _ outfit: MakeupFilter.Outfit, _ work: @escaping @Sendable (Job) -> Void) {
        jobs = views.map { view in
            let job = spare.popLast() ?? Job()
            job.view.copyInputs(of: view)
            job.outfit = outfit
            job.since.clear()
            return job
        }
        lock.withLock { isBusy = true }
        let all = jobs
        queue.async(group: group) { [self] in
            all.forEach(work)
            lock.withLock { isBusy = false }
        }
    }

    /// What is done, once; empty while it is still in work.
    func collect(_ body: (Job) -> Void) {
        if lock.withLock({ isBusy }) { return }
        jobs.forEach(body)
        spare += jobs
        jobs = []
    }

    /// What is not collected yet belongs to faces that have gone on by a frame.
    func follow(_ views: [FaceView]) {
        for job in jobs {
            if let view = views.first(where: { $0.track === job.view.track }) { job.since.follow(view.step, before: &scratch) }
        }
    }

    /// Waits for what is in work.
    func wait() { group.wait() }
}
