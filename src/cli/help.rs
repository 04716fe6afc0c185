//! What stands behind the help of each command: examples and exit codes.

pub(super) const AFTER_HELP: &str = "\
Examples:
  wharf run workspaces             keep what is declared there
  wharf plan workspaces            what that would do, and why
  wharf explain workspace.spec     what a manifest can say
  wharf validate workspaces/       check manifests; needs no engine
  wharf get --dir workspaces       workspaces at a glance
  wharf describe api-dev           why it is in its state, and what happens next
  wharf logs api-dev -f            what its container says
  wharf exec api-dev -- sh         a shell in it
  wharf doctor                     what is wrong with this machine, and the fix

Exit codes:
  0  done
  1  failed; the reason is on standard error
  2  the command line makes no sense, or, where a flag asks, there is something to do
  3  settled, but not every workspace is as declared
  4  the container engine cannot be reached
  5  another controller holds the state directory";

pub(super) const RUN: &str = "\
Examples:
  wharf run workspaces
  wharf run workspaces --once
  wharf run workspaces --engine simulated     no engine needed
  wharf run --config /etc/wharf/wharf.yaml
  wharf run --git https://git.example.com/teams.git --branch main --status-dir /var/lib/wharf/status

Exit codes:
  0  ended in order; with --once, everything is as declared
  1  failed; the reason is on standard error
  2  the command line makes no sense
  3  with --once: settled, but not every workspace is as declared
  4  with --once: the container engine cannot be reached
  5  another controller holds the state directory";

pub(super) const PLAN: &str = "\
Examples:
  wharf plan workspaces
  wharf plan workspaces api-dev --exit-code
  wharf plan workspaces -o json

Exit codes:
  0  done
  1  failed, or a name is unknown
  2  the command line makes no sense; with --exit-code, there is something to do
  4  the container engine cannot be reached";

pub(super) const PRUNE: &str = "\
Examples:
  wharf prune --dir workspaces
  wharf prune --dir workspaces --confirm

Exit codes:
  0  done, also when nothing is held
  1  a name is unknown, or a file cannot be read or written
  2  the command line makes no sense";

pub(super) const VERBS: &str = "\
Examples:
  wharf restart api-dev db
  wharf stop -l team=payments --parallelism 8
  wharf start --all --max-failures 3
  wharf delete scratch-1 scratch-2

Exit codes:
  0  it has come about everywhere; with --detach, it is asked for
  1  it has not somewhere, a name is unknown, or no controller answers
  2  the command line makes no sense";

pub(super) const SYNC: &str = "\
Examples:
  wharf sync api-dev db
  wharf sync --all --detach
  wharf sync --source team
  wharf sync --sources

Exit codes:
  0  it has come about everywhere; with --detach or of a source, it is asked for
  1  it has not somewhere, a name is unknown, or no controller answers
  2  the command line makes no sense";

pub(super) const BATCH: &str = "\
Examples:
  wharf batch
  wharf batch 01JCXV5R3ZB9W0TQHF8K2M4N6P --watch
  wharf batch 01JCXV5R3ZB9W0TQHF8K2M4N6P --cancel

Exit codes:
  0  it has come about everywhere, or has not ended
  1  it has not somewhere, there is no such batch, or no controller answers
  2  the command line makes no sense";

pub(super) const VALIDATE: &str = "\
Examples:
  wharf validate workspaces/
  wharf validate api.yaml db.yaml -o json
  generate | wharf validate -
  wharf validate workspaces/ --policy policies/ --source-kind git
  wharf validate --config /etc/wharf/wharf.yaml

Exit codes:
  0  everything is valid
  1  something is wrong, or cannot be read
  2  the command line makes no sense";

pub(super) const POLICY: &str = "\
Examples:
  wharf policy test policies/cases.yaml
  wharf validate workspaces/ --policy policies/
  wharf explain policy.spec.mounts

A file of cases:
  policies: [shared-host.yaml]     # files and directories, relative to this file
  cases:
    - name: no socket of the engine
      source: git                  # directory (default) or git; sourceName and directory say more
      links: {/srv/source/s: /run/docker.sock}
      manifest: |                  # or file: PATH
        apiVersion: wharf/v1
        kind: Workspace
        metadata: {name: box}
        spec: {image: debian, project: {path: ./s}}
      expect: denied               # or admitted
      rule: mounts.dangerous       # optional: the rule that denies

Exit codes:
  0  every case comes to what is expected
  1  one does not, or a file cannot be read
  2  the command line makes no sense";

pub(super) const GET: &str = "\
Examples:
  wharf get
  wharf get api-dev db -o wide
  wharf get -l team=payments,tier!=prod --watch
  wharf get api-dev -o json | jq .status.phase
  wharf get sources -o wide

Exit codes:
  0  done, also when there are no workspaces
  1  a name is unknown, or a status file cannot be read; of sources, also when no controller answers
  2  the command line makes no sense";

pub(super) const DESCRIBE: &str = "\
Examples:
  wharf describe api-dev
  wharf describe -l team=payments

Exit codes:
  0  done
  1  a name is unknown, or a status file cannot be read
  2  the command line makes no sense";

pub(super) const EVENTS: &str = "\
Examples:
  wharf events
  wharf events api-dev --watch
  wharf events -o json

Exit codes:
  0  done, also when there are no events
  1  a name is unknown, or a status file cannot be read
  2  the command line makes no sense";

pub(super) const SUMMARY: &str = "\
Examples:
  wharf summary
  wharf summary -o json | jq .statistics.queueDepth

Exit codes:
  0  done, also without a controller
  1  a status file cannot be read, or the controller does not answer
  2  the command line makes no sense";

pub(super) const METRICS: &str = "\
Examples:
  wharf metrics api-dev --since 24h
  wharf metrics api-dev --from 2026-01-31T08:00:00Z --to 2026-01-31T10:00:00Z --step 5m
  wharf metrics api-dev --metric cpu,memory -o csv > api-dev.csv
  wharf metrics api-dev --analysis
  wharf metrics api-dev --recommend

Exit codes:
  0  done, also when nothing was measured
  1  there is no such workspace, nothing is measured at all, or no controller answers
  2  the command line makes no sense";

pub(super) const TOP: &str = "\
Examples:
  wharf top
  wharf top -l team=payments --sort memory
  wharf top --once

Exit codes:
  0  done
  1  no controller answers, or the terminal is gone
  2  the command line makes no sense";

pub(super) const LOGS: &str = "\
Examples:
  wharf logs api-dev
  wharf logs api-dev --follow --tail 20
  wharf logs api-dev --since 10m --timestamps

Exit codes:
  0  done; with --follow, the container has ended
  1  failed, or there is no such workspace or container
  2  the command line makes no sense
  4  the container engine cannot be reached";

pub(super) const EXEC: &str = "\
Examples:
  wharf exec api-dev -- sh
  wharf exec api-dev -- make test
  wharf exec -i db -- psql < dump.sql

Exit codes:
  0    the command's own, as are all others but for:
  1    failed, or there is no such workspace, or its container does not run
  2    the command line makes no sense
  4    the container engine cannot be reached
  126  the command cannot be run
  127  there is no such command in the container
  130  ended by Ctrl-C where the command has no terminal";

pub(super) const EXPLAIN: &str = "\
Examples:
  wharf explain
  wharf explain workspace.spec.network
  wharf explain policy.spec.mounts

Exit codes:
  0  done
  1  there is no such field
  2  the command line makes no sense";

pub(super) const SCHEMA: &str = "\
Examples:
  wharf schema
  wharf schema workspace > workspace.schema.json
  wharf schema --write schemas/

Exit codes:
  0  done
  1  there is no such schema, or a file cannot be written
  2  the command line makes no sense";

pub(super) const COMPLETIONS: &str = "\
Examples:
  wharf completions bash > ~/.local/share/bash-completion/completions/wharf
  wharf completions zsh > ~/.zfunc/_wharf
  wharf completions fish > ~/.config/fish/completions/wharf.fish

Exit codes:
  0  done
  2  the command line makes no sense";

pub(super) const MAN: &str = "\
Examples:
  wharf man get | man -l -
  wharf man --write /usr/local/share/man/man1

Exit codes:
  0  done
  1  a file cannot be written
  2  the command line makes no sense, or there is no such command";

pub(super) const DOCTOR: &str = "\
Examples:
  wharf doctor --dir workspaces
  wharf doctor --host unix:///run/user/1000/docker.sock

Exit codes:
  0  nothing stands in the way
  1  something does, an unreachable engine included; each finding has its fix
  2  the command line makes no sense";

pub(super) const GC: &str = "\
Examples:
  wharf gc --dir workspaces
  wharf gc --dir workspaces --confirm
  wharf gc --dir workspaces --volumes -o json

Exit codes:
  0  done, also when there are no orphans
  1  an orphan could not be removed, or the source or the memory cannot be read
  2  the command line makes no sense
  4  the container engine cannot be reached";

pub(super) const ADOPT: &str = "\
Examples:
  wharf adopt old-api --name api-dev
  wharf adopt old-api --write workspaces/api-dev.yaml
  wharf adopt --instance team-1a2b3c4d --dir /srv/moved
  wharf adopt --instance team-1a2b3c4d --dir /srv/moved --confirm

Exit codes:
  0  done
  1  there is no such container or instance, or a file cannot be read or written
  2  the command line makes no sense
  4  the container engine cannot be reached
  5  a controller holds the state directory";
