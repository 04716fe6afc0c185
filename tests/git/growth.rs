//! What a copy takes on the disk.

use crate::rig::{Local, Remote, assert_changed};

#[tokio::test]
async fn a_hundred_rewritten_commits_do_not_add_up() {
    let (remote, local) = (Remote::new(), Local::new());
    let mut source = local.open(&remote.url()).await;
    let mut largest = 0;
    for number in 0..100 {
        let mut noise = vec![0; 50_000];
        std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").unwrap(), &mut noise).unwrap();
        std::fs::write(remote.path().join("noise"), noise).unwrap();
        remote.git(&["add", "--all"]);
        remote.git(&["commit", "--quiet", "--amend", "-m", &format!("Attempt {number}")]);
        assert_changed(source.sync().await);
        largest = largest.max(local.bytes());
    }
    assert!(largest < 30 * 50_000, "{largest} bytes");
    let subject = source.state().revision.clone().unwrap().subject;
    drop(source);
    let source = local.open(&remote.url()).await;
    assert_eq!(source.state().revision.clone().unwrap().subject, subject);
}
