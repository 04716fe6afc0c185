//! Measurements and alerts in statuses: once a minute at most, raised once and cleared once.

use std::time::Duration;

use wharf::controller::Input;
use wharf::model::event::EventReason;
use wharf::model::metrics::{AlertChange, Usage};
use wharf::model::spec::ThresholdMetric;
use wharf::model::status::ConditionType;
use wharf::model::time::Time;

use super::rig::Rig;

fn usage(rig: &Rig, cpu_percent: f64, memory_bytes: u64) -> Usage {
    Usage {
        time: Time::from(rig.engine.now()),
        cpu_percent,
        memory_bytes,
        memory_limit_bytes: Some(512 << 20),
        network_rx_bytes: 1,
        network_tx_bytes: 2,
        block_read_bytes: 3,
        block_write_bytes: 4,
        network_rx_rate: 0.0,
        network_tx_rate: 0.0,
        block_read_rate: 0.0,
        block_write_rate: 0.0,
        pids: 5,
        disk_percent: None,
    }
}

fn measure(rig: &Rig, cpu_percent: f64, memory_bytes: u64) {
    let reading = ("box".parse().expect("a name"), usage(rig, cpu_percent, memory_bytes));
    rig.send(Input::Measured(vec![reading]));
}

#[tokio::test(start_paused = true)]
async fn a_status_is_refreshed_once_a_minute_and_only_with_news() {
    let rig = Rig::running(&[("box", "image: debian:12")]).await;
    let shown =
        |rig: &Rig| rig.status("box").and_then(|it| it.status.metrics).map(|it| (it.cpu_percent, it.memory_bytes));
    measure(&rig, 1.4, 10 << 20);
    rig.until("shown", |rig| shown(rig) == Some((1, 10 << 20))).await;
    measure(&rig, 90.0, 100 << 20);
    rig.pass(Duration::from_secs(30)).await;
    assert_eq!(shown(&rig), Some((1, 10 << 20)), "not before a minute has passed");
    rig.pass(Duration::from_secs(40)).await;
    let before = rig.stamps();
    measure(&rig, 1.9, (10 << 20) + 4096);
    rig.pass(Duration::from_secs(5)).await;
    assert!(before == rig.stamps(), "a container at rest still breathes");
    measure(&rig, 90.0, 100 << 20);
    rig.until("shown", |rig| shown(rig) == Some((90, 100 << 20))).await;
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_raised_once_and_cleared_once() {
    let mut rig = Rig::running(&[("box", "image: debian:12")]).await;
    let alert = |rig: &Rig, raised| {
        let since = Time::from(rig.engine.now());
        let level = if raised { "90%" } else { "80%" }.to_owned();
        let change = AlertChange { metric: ThresholdMetric::Cpu, raised, value: Some(95.0), level, since };
        rig.send(Input::Alerts(vec![("box".parse().expect("a name"), change)]));
    };
    alert(&rig, true);
    let told = rig.until_condition("box", ConditionType::Alerting, "ThresholdExceeded").await;
    assert!(told.message.starts_with("cpu above 90% since "), "{}", told.message);
    rig.kill().await;
    rig.start();
    rig.settle().await;
    rig.until_condition("box", ConditionType::Alerting, "ThresholdExceeded").await;
    alert(&rig, true);
    alert(&rig, false);
    alert(&rig, false);
    rig.until_condition("box", ConditionType::Alerting, "NoAlert").await;
    let count = |reason| rig.log("box").iter().filter(|it| it.reason == reason).map(|it| it.count).sum::<u32>();
    assert_eq!((count(EventReason::ThresholdExceeded), count(EventReason::ThresholdCleared)), (1, 1));
}
