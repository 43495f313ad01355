//! Each rule finds something in one charm, and nothing in one that nearly has it.

use std::collections::BTreeSet;

use charmtest_lint::RULES;

use crate::bed::{Bed, METADATA, SCRIPT};

type Changes = &'static [(&'static str, &'static str)];

/// Which rule, a charm where it alone finds something, and one where nothing is found.
///
/// Charms of hooks are changes to a charm without findings. `CT490` needs charmcraft and has a test beside its code, `CT001`
/// has one among the tests of paths.
const CHARMS: &[(&str, Changes, Changes)] = &[
    (
        "CT002",
        &[("manifest.yaml", "bases: [\n")],
        &[("manifest.yaml", "bases: []\n")],
    ),
    (
        "CT002",
        &[("lxd-profile.yaml", "a: 1\na: 2\n")],
        &[("lxd-profile.yaml", "{}\n")],
    ),
    (
        "CT003",
        &[("lxd-profile.yaml", "config: {boot.autostart: \"1\"}\n")],
        &[("lxd-profile.yaml", "config: {security.nesting: \"1\"}\n")],
    ),
    (
        "CT003",
        &[("manifest.yaml", "bases: [{name: ubuntu}]\n")],
        &[(
            "manifest.yaml",
            "bases: [{name: ubuntu, channel: \"24.04\"}]\n",
        )],
    ),
    (
        "CT005",
        &[(
            "metadata.yaml",
            "name: toy\ndescription: d\nmaintainer: A <a@b>\nprovides: {web: http}\n",
        )],
        &[],
    ),
    (
        "CT005",
        &[(
            "metadata.yaml",
            "name: toy\nsummary: \"\"\ndescription: d\nmaintainer: A <a@b>\nprovides: {web: http}\n",
        )],
        &[],
    ),
    (
        "CT006",
        &[(
            "metadata.yaml",
            "name: toy\nsummary: s\nmaintainer: A <a@b>\nprovides: {web: http}\n",
        )],
        &[],
    ),
    (
        "CT007",
        &[("metadata.yaml", ">>subordinate: sometimes\n")],
        &[("metadata.yaml", ">>subordinate: no\n")],
    ),
    (
        "CT007",
        &[("metadata.yaml", ">>tags: web\n")],
        &[("metadata.yaml", ">>tags: [web]\n")],
    ),
    (
        "CT007",
        &[("metadata.yaml", ">>storage: [x]\n")],
        &[("metadata.yaml", ">>storage: {}\n")],
    ),
    (
        "CT008",
        &[(
            "metadata.yaml",
            "name: toy\nsummary: A summary that goes on and on, and has not said anything of use by its end.\ndescription: d\nmaintainer: A <a@b>\nprovides: {web: http}\n",
        )],
        &[(
            "metadata.yaml",
            "name: toy\nsummary: A summary that goes on and on, and has said all there is at its end.\ndescription: d\nmaintainer: A <a@b>\nprovides: {web: http}\n",
        )],
    ),
    (
        "CT009",
        &[("metadata.yaml", ">>maintainer: Bob <bob@example.com>\n")],
        &[],
    ),
    (
        "CT009",
        &[(
            "metadata.yaml",
            "name: toy\nsummary: s\ndescription: d\nmaintainers: A <a@b>\nprovides: {web: http}\n",
        )],
        &[],
    ),
    (
        "CT010",
        &[(
            "metadata.yaml",
            "name: toy\nsummary: s\ndescription: d\nprovides: {web: http}\n",
        )],
        &[],
    ),
    (
        "CT011",
        &[(
            "metadata.yaml",
            "name: toy\nsummary: s\ndescription: d\nmaintainer: Ann\nprovides: {web: http}\n",
        )],
        &[(
            "metadata.yaml",
            "name: toy\nsummary: s\ndescription: d\nmaintainer: Ann <ann@example.com>\nprovides: {web: http}\n",
        )],
    ),
    (
        "CT012",
        &[("metadata.yaml", ">>requirs: {}\n")],
        &[("metadata.yaml", ">>requires: {}\n")],
    ),
    (
        "CT013",
        &[(
            "metadata.yaml",
            "name: game\nsummary: s\ndescription: d\nmaintainer: A <a@b>\nprovides: {web: http}\n",
        )],
        &[],
    ),
    (
        "CT014",
        &[("-LICENSE", "")],
        &[("-LICENSE", ""), ("copyright", "Mine.\n")],
    ),
    (
        "CT015",
        &[("-README.md", "")],
        &[("-README.md", ""), ("readme.rst", "Toy\n")],
    ),
    (
        "CT015",
        &[(
            "README.md",
            "# Overview\n\nDescribe the intended usage of this charm and anything unique about how this\n",
        )],
        &[],
    ),
    (
        "CT016",
        &[("metadata.yaml", ">>categories: [web]\n")],
        &[("metadata.yaml", ">>tags: [web]\n")],
    ),
    ("CT017", &[("metadata.yaml", ">>revision: 3\n")], &[]),
    ("CT018", &[("revision", "three\n")], &[("revision", "3\n")]),
    ("CT019", &[("-icon.svg", "")], &[]),
    ("CT020", &[("metadata.yaml", ">>series: [jammy]\n")], &[]),
    (
        "CT021",
        &[("metadata.yaml", ">>resources: {page: {type: file}}\n")],
        &[(
            "metadata.yaml",
            ">>resources: {page: {type: file, filename: p}}\n",
        )],
    ),
    (
        "CT022",
        &[("metadata.yaml", ">>storage: {data: {type: tape}}\n")],
        &[("metadata.yaml", ">>storage: {data: {type: block}}\n")],
    ),
    (
        "CT023",
        &[(
            "metadata.yaml",
            ">>devices: {gpu: {type: gpu, countmin: 2, countmax: 1}}\n",
        )],
        &[(
            "metadata.yaml",
            ">>devices: {gpu: {type: gpu, countmin: 1}}\n",
        )],
    ),
    (
        "CT024",
        &[("metadata.yaml", ">>payloads: {app: {}}\n")],
        &[("metadata.yaml", ">>payloads: {app: {type: docker}}\n")],
    ),
    (
        "CT025",
        &[("metadata.yaml", ">>deployment: stateful\n")],
        &[(
            "metadata.yaml",
            ">>deployment: {type: stateful, service: cluster}\n",
        )],
    ),
    (
        "CT026",
        &[("metadata.yaml", ">>terms: [{a: b}]\n")],
        &[("metadata.yaml", ">>terms: [ann/term/1]\n")],
    ),
    (
        "CT027",
        &[("metadata.yaml", ">>extra-bindings: {web: }\n")],
        &[("metadata.yaml", ">>extra-bindings: {cluster: }\n")],
    ),
    (
        "CT028",
        &[("metadata.yaml", ">>min-juju-version: 1.25.0\n")],
        &[("metadata.yaml", ">>min-juju-version: 2.9.0\n")],
    ),
    (
        "CT029",
        &[("metadata.yaml", ">>display-name: [Toy]\n")],
        &[("metadata.yaml", ">>display-name: Toy\n")],
    ),
    (
        "CT030",
        &[("metadata.yaml", ">>subordinate: true\n")],
        &[
            (
                "metadata.yaml",
                ">>subordinate: true\nrequires: {host: {interface: juju-info, scope: container}}\n",
            ),
            ("+hooks/host-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT031",
        &[
            ("metadata.yaml", ">>containers: {app: {resource: image}}\n"),
            (
                "manifest.yaml",
                "bases: [{name: ubuntu, channel: \"24.04\"}]\n",
            ),
        ],
        &[
            (
                "metadata.yaml",
                ">>containers: {app: {resource: image}}\nresources: {image: {type: oci-image}}\n",
            ),
            (
                "manifest.yaml",
                "bases: [{name: ubuntu, channel: \"24.04\"}]\n",
            ),
        ],
    ),
    (
        "CT032",
        &[
            ("metadata.yaml", ">>assumes: [juju > 3]\n"),
            (
                "manifest.yaml",
                "bases: [{name: ubuntu, channel: \"24.04\"}]\n",
            ),
        ],
        &[
            ("metadata.yaml", ">>assumes: [juju >= 3.1]\n"),
            (
                "manifest.yaml",
                "bases: [{name: ubuntu, channel: \"24.04\"}]\n",
            ),
        ],
    ),
    (
        "CT033",
        &[("charmcraft.yaml", "type: charm\nconfig: {options: {}}\n")],
        &[("charmcraft.yaml", "type: charm\n")],
    ),
    (
        "CT090",
        &[("config.yaml", ">># charmtest: allow CT999\n")],
        &[],
    ),
    (
        "CT090",
        &[("charmtest-lint.toml", "allows = []\n")],
        &[("charmtest-lint.toml", "allow = []\n")],
    ),
    (
        "CT090",
        &[("charmtest-lint.toml", "allow = [\"CT000\"]\n")],
        &[("charmtest-lint.toml", "deny = [\"CT207\"]\n")],
    ),
    (
        "CT091",
        &[("config.yaml", ">># charmtest: allow-file CT207 why\n")],
        &[],
    ),
    (
        "CT101",
        &[("metadata.yaml", ">>peers: [ring]\n")],
        &[("metadata.yaml", ">>peers: {}\n")],
    ),
    (
        "CT101",
        &[
            ("metadata.yaml", ">>peers: {ring: 5}\n"),
            ("+hooks/ring-relation-changed", SCRIPT),
        ],
        &[
            ("metadata.yaml", ">>peers: {ring: five}\n"),
            ("+hooks/ring-relation-changed", SCRIPT),
        ],
    ),
    (
        "CT102",
        &[
            ("metadata.yaml", ">>peers: {ring: {limit: 1}}\n"),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {limit: 1, interface: x}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT103",
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {interface: x, scope: world}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {interface: x, scope: global}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT104",
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {interface: x, scop: global}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {interface: x, optional: true}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT105",
        &[
            (
                "metadata.yaml",
                ">>requires: {requires-relation: {interface: x}}\n",
            ),
            ("+hooks/requires-relation-relation-joined", SCRIPT),
        ],
        &[],
    ),
    (
        "CT105",
        &[
            (
                "metadata.yaml",
                ">>requires: {db: {interface: interface-name}}\n",
            ),
            ("+hooks/db-relation-joined", SCRIPT),
        ],
        &[
            ("metadata.yaml", ">>requires: {db: {interface: sql}}\n"),
            ("+hooks/db-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT106",
        &[
            ("metadata.yaml", ">>requires: {juju-db: sql}\n"),
            ("+hooks/juju-db-relation-joined", SCRIPT),
        ],
        &[
            ("metadata.yaml", ">>requires: {jujus-db: sql}\n"),
            ("+hooks/jujus-db-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT106",
        &[
            ("metadata.yaml", ">>peers: {ring: juju-ring}\n"),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
        &[
            ("metadata.yaml", ">>requires: {host: juju-info}\n"),
            ("+hooks/host-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT107",
        &[("metadata.yaml", ">>requires: {web: http}\n")],
        &[
            ("metadata.yaml", ">>requires: {web2: http}\n"),
            ("+hooks/web2-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT108",
        &[
            ("metadata.yaml", ">>peers: {a--b: x}\n"),
            ("+hooks/a--b-relation-joined", SCRIPT),
        ],
        &[
            ("metadata.yaml", ">>peers: {a-b_c: x}\n"),
            ("+hooks/a-b_c-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT109",
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {interface: x, limit: -1}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {interface: x, limit: 0}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
    ),
    (
        "CT109",
        &[
            (
                "metadata.yaml",
                ">>peers: {ring: {interface: x, optional: maybe}}\n",
            ),
            ("+hooks/ring-relation-joined", SCRIPT),
        ],
        &[],
    ),
    (
        "CT110",
        &[
            ("metadata.yaml", METADATA),
            ("-hooks/web-relation-changed", ""),
        ],
        &[],
    ),
    (
        "CT111",
        &[("-hooks/web-relation-changed", "")],
        &[
            ("-hooks/web-relation-changed", ""),
            ("+hooks/web-relation-broken", SCRIPT),
        ],
    ),
    ("CT201", &[("config.yaml", "options: {\n")], &[]),
    ("CT202", &[("config.yaml", "options: {port: 80}\n")], &[]),
    (
        "CT203",
        &[("config.yaml", "")],
        &[("config.yaml", "options: {}\n")],
    ),
    (
        "CT203",
        &[("config.yaml", "options: [port]\n")],
        &[("config.yaml", "options:\n")],
    ),
    (
        "CT204",
        &[(
            "config.yaml",
            "options: {port-: {type: int, default: 1, description: d}}\n",
        )],
        &[(
            "config.yaml",
            "options: {port-2: {type: int, default: 1, description: d}}\n",
        )],
    ),
    (
        "CT205",
        &[(
            "config.yaml",
            "options: {port: {type: int, default: http, description: d}}\n",
        )],
        &[(
            "config.yaml",
            "options: {port: {type: int, default: \"80\", description: d}}\n",
        )],
    ),
    (
        "CT206",
        &[(
            "config.yaml",
            "options: {port: {type: integer, default: 1, description: d}}\n",
        )],
        &[(
            "config.yaml",
            "options: {key: {type: secret, description: d}}\n",
        )],
    ),
    (
        "CT207",
        &[("config.yaml", "options: {port: {type: int, default: 1}}\n")],
        &[],
    ),
    (
        "CT208",
        &[(
            "config.yaml",
            "options: {word: {default: x, description: d}}\n",
        )],
        &[(
            "config.yaml",
            "options: {word: {type: string, default: x, description: d}}\n",
        )],
    ),
    (
        "CT209",
        &[(
            "config.yaml",
            "options: {word: {type: string, description: d, default: null}}\n",
        )],
        &[(
            "config.yaml",
            "options: {word: {type: string, description: d, default: \"\"}}\n",
        )],
    ),
    (
        "CT210",
        &[(
            "config.yaml",
            "options: {word: {type: string, description: d, default: x, deflaut: y}}\n",
        )],
        &[],
    ),
    ("CT210", &[("config.yaml", "options: {}\nmore: 1\n")], &[]),
    (
        "CT211",
        &[(
            "config.yaml",
            "options: {my_port: {type: int, default: 1, description: d}}\n",
        )],
        &[(
            "config.yaml",
            "options: {my-port: {type: int, default: 1, description: d}}\n",
        )],
    ),
    (
        "CT212",
        &[("-config.yaml", "")],
        &[("config.yaml", "options: {}\n")],
    ),
    (
        "CT301",
        &[("actions.yaml", "go: {\n")],
        &[("actions.yaml", "\n")],
    ),
    (
        "CT301",
        &[("actions.yaml", "[go]\n")],
        &[("actions.yaml", "{}\n")],
    ),
    (
        "CT302",
        &[(
            "actions.yaml",
            "go: {description: d, params: {far: {type: miles}}}\n",
        )],
        &[(
            "actions.yaml",
            "go: {description: d, params: {far: {type: number}}}\n",
        )],
    ),
    (
        "CT302",
        &[("actions.yaml", "go: {description: d, parallel: maybe}\n")],
        &[("actions.yaml", "go: {description: d, parallel: true}\n")],
    ),
    (
        "CT303",
        &[("actions.yaml", "Go_on: {description: d}\n")],
        &[],
    ),
    (
        "CT304",
        &[
            ("actions.yaml", "juju-go: {description: d}\n"),
            ("+actions/juju-go", SCRIPT),
        ],
        &[],
    ),
    (
        "CT305",
        &[("-actions/go", "")],
        &[("-actions/go", ""), ("+dispatch", SCRIPT)],
    ),
    ("CT306", &[("actions/go", SCRIPT)], &[]),
    ("CT307", &[("actions.yaml", "go: {}\n")], &[]),
    (
        "CT308",
        &[(
            "actions.yaml",
            "go: {description: d, params: {how_far: {type: number}}}\n",
        )],
        &[],
    ),
    (
        "CT401",
        &[("-hooks", ""), ("metadata.yaml", ">>")],
        &[("-hooks", ""), ("+dispatch", SCRIPT)],
    ),
    ("CT402", &[("dispatch", SCRIPT)], &[("+dispatch", SCRIPT)]),
    (
        "CT403",
        &[("hooks/install", SCRIPT)],
        &[("hooks/helper", SCRIPT)],
    ),
    (
        "CT404",
        &[("+hooks/config-change", SCRIPT)],
        &[("+hooks/upgrade-charm", SCRIPT)],
    ),
    (
        "CT404",
        &[("+hooks/db-relation-joined", SCRIPT)],
        &[("+hooks/hooks.py", "#!/usr/bin/env python3\n")],
    ),
    (
        "CT405",
        &[("@hooks/start", "nothing")],
        &[("@hooks/start", "install")],
    ),
    (
        "CT405",
        &[("@hooks/start", "../../elsewhere")],
        &[("@hooks/start", "../hooks/install")],
    ),
    ("CT405", &[("@hooks/start", "start")], &[]),
    (
        "CT406",
        &[("+hooks/start", "echo\n")],
        &[
            ("+hooks/shared.py", "x = 1\n"),
            ("+hooks/start", "\u{0}ELF\n"),
        ],
    ),
    (
        "CT407",
        &[("+hooks/start", "#!/bin/sh\r\necho\r\n")],
        &[("+hooks/start", "#!/bin/sh\necho \r x\n")],
    ),
    ("CT408", &[("-hooks/stop", "")], &[]),
    (
        "CT409",
        &[(
            "+hooks/start",
            "#!/bin/sh\ncurl http://169.254.169.254/latest\n",
        )],
        &[("+hooks/start", "#!/bin/sh\n# 169.254.169.254\n")],
    ),
    (
        "CT410",
        &[(
            "+dispatch",
            "#!/bin/sh\nPYTHONPATH=lib:venv exec ./src/charm.py\n",
        )],
        &[
            (
                "+dispatch",
                "#!/bin/sh\nPYTHONPATH=lib:venv exec ./src/charm.py\n",
            ),
            ("+src/charm.py", "#!/usr/bin/env python3\n"),
        ],
    ),
    (
        "CT410",
        &[
            ("+dispatch", "#!/bin/sh\nA=1 ./src/charm.py\n"),
            ("src/charm.py", "#!/usr/bin/env python3\n"),
        ],
        &[
            (
                "+dispatch",
                "#!/bin/sh\nstatus=$(python3 src/charm.py)\nexec python3 \"${JUJU_CHARM_DIR}/src/charm.py\"\n",
            ),
            ("src/charm.py", "#!/usr/bin/env python3\n"),
        ],
    ),
    (
        "CT410",
        &[(
            "charmcraft.yaml",
            "type: charm\nparts: {charm: {source: .}}\n",
        )],
        &[
            (
                "charmcraft.yaml",
                "type: charm\nparts: {charm: {source: .}}\n",
            ),
            ("+src/charm.py", "#!/usr/bin/env python3\n"),
        ],
    ),
    (
        "CT411",
        &[(
            "+src/charm.py",
            "import ops\nclass C(ops.CharmBase): pass\n",
        )],
        &[("+src/charm.py", "import ops\nops.main(C)\n")],
    ),
    (
        "CT411",
        &[(
            "+src/charm.py",
            "from ops.charm import CharmBase\ndomain(1)\n",
        )],
        &[("+src/charm.py", "print('ops')\n")],
    ),
    (
        "CT501",
        &[("tests/10-go.test", SCRIPT)],
        &[("tests/helper", SCRIPT)],
    ),
    (
        "CT502",
        &[("+tests/10-go.test", "juju deploy toy\n")],
        &[("+tests/10-go.test", "\u{0}ELF")],
    ),
    (
        "CT503",
        &[("+tests/10-go.test", "#!/bin/sh\njuju status\r\n")],
        &[("+tests/helper", "#!/bin/sh\r\n")],
    ),
    (
        "CT504",
        &[(
            "+tests/10-go.test",
            "#!/bin/bash\nif true; then juju --debug bootstrap lxd; fi\n",
        )],
        &[(
            "+tests/10-go.test",
            "#!/bin/bash\n# juju bootstrap\necho 'juju bootstrap'\njuju deploy bootstrap\n",
        )],
    ),
    (
        "CT504",
        &[(
            "+tests/10-go.test",
            "#!/usr/bin/env python3\nsubprocess.run([\"juju\", \"kill-controller\", \"x\"])\n",
        )],
        &[(
            "+tests/10-go.test",
            "#!/usr/bin/env python3\nsubprocess.run([\"juju\", \"status\"]) # no bootstrap\n",
        )],
    ),
    (
        "CT505",
        &[("+tests/10-go.test", "#!/bin/sh\njuju deploy cs:mysql\n")],
        &[(
            "+tests/10-go.test",
            "#!/bin/sh\njuju deploy ch:mysql; echo docs: x\n",
        )],
    ),
    (
        "CT506",
        &[("+tests/10-go.test", "#!/bin/sh\nx=1 /usr/bin/make all\n")],
        &[("+tests/10-go.test", "#!/bin/sh\njuju config toy make=1\n")],
    ),
    (
        "CT507",
        &[("tests/requirements.yaml", "packages: [jq=1.7]\n")],
        &[("tests/requirements.yaml", "packages: [jq, libstdc++6]\n")],
    ),
    (
        "CT507",
        &[(
            "tests/requirements.yaml",
            "packages: [jq]\nsources: [ppa:x]\n",
        )],
        &[("tests/requirements.yaml", "packages: []\n")],
    ),
    (
        "CT507",
        &[("tests/requirements.yaml", "packages: jq\n")],
        &[],
    ),
    (
        "CT508",
        &[("+tests/00-autogen", SCRIPT)],
        &[("+tests/00-auto", SCRIPT)],
    ),
    ("CT509", &[("tests/dir.test/", "")], &[("tests/dir/", "")]),
    (
        "CT509",
        &[("@tests/x.test", "nothing")],
        &[("@tests/x.test", "10-go.test")],
    ),
    (
        "CT510",
        &[("tests/tests.yaml", "cwd: home\n")],
        &[("tests/tests.yaml", "cwd: tests\nbootstrap: true\n")],
    ),
    (
        "CT510",
        &[("tests/10-go.yaml", "timeout: soon\n")],
        &[
            ("tests/10-go.yml", "timeout: 10m\n"),
            ("tests/of-nobody.yaml", "timeout: soon\n"),
        ],
    ),
    // Which files are tests is for the suite to say.
    (
        "CT506",
        &[
            ("tests/tests.yaml", "tests: '*'\n"),
            ("+tests/build", "#!/bin/sh\nmake all\n"),
            ("tests/helper", "make all\n"),
            ("tests/lib/", ""),
        ],
        &[("+tests/build", "#!/bin/sh\nmake all\n")],
    ),
    (
        "CT506",
        &[
            ("tests/tests.yaml", "tests: '*.sh'\n"),
            ("+tests/x.sh", "#!/bin/sh\nmake all\n"),
        ],
        &[
            ("tests/tests.yaml", "tests: '*.sh'\n"),
            ("+tests/x.test", "#!/bin/sh\nmake all\n"),
            ("tests/y.sh", "make all\n"),
        ],
    ),
];

/// The same for bundles; they are whole files.
const BUNDLES: &[(&str, &str, &str)] = &[
    (
        "CT601",
        "applications: {a: {charm: x, channel: stable}\n",
        "applications: {a: {charm: x, channel: stable}}\n",
    ),
    (
        "CT601",
        "services: {a: {charm: x}}\n",
        "applications: {a: {charm: x, revision: 3, channel: stable}}\n",
    ),
    (
        "CT601",
        "mine: {services: {a: {charm: x}}}\n",
        "applications: {services: {charm: x, channel: stable}}\n",
    ),
    (
        "CT601",
        "- a\n",
        "--- # only this\napplications: {a: {charm: x, channel: stable}}\n",
    ),
    (
        "CT602",
        "applications: {}\n",
        "applications: {a: {charm: x, channel: stable}}\n",
    ),
    (
        "CT602",
        "description: nothing\n",
        "description: something\napplications: {a: {charm: x, channel: stable}}\n",
    ),
    (
        "CT603",
        "applications: {a: {charm: x, channel: stable, num_units: -1}}\n",
        "applications: {a: {charm: x, channel: stable, num_units: 1}}\n",
    ),
    (
        "CT603",
        "applications: {a: {charm: ./gone}}\n",
        "applications: {a: {charm: ./here}}\n",
    ),
    (
        "CT603",
        "applications: {a: {charm: x, channel: stable}}\nrelations: [[a:x, b:x]]\n",
        "applications: {a: {charm: x, channel: stable}, b: {charm: x, channel: stable}}\nrelations: [[a:x, b:x]]\n",
    ),
    (
        "CT604",
        "applications: {a: {charm: x, channel: stable, unit: 1}}\n",
        "applications: {a: {charm: x, channel: stable}}\n--- # overlay\napplications: {a: {num_units: 2}}\n",
    ),
    (
        "CT605",
        "applications: {a: {charm: x}}\n",
        "applications: {a: {charm: x, channel: stable}}\n",
    ),
    (
        "CT606",
        "applications: {a: {charm: \"cs:mysql-58\"}}\n",
        "applications: {a: {charm: \"ch:mysql\", channel: stable}}\n",
    ),
];

/// `CT004` cannot be alone: a charm without a usable name has other rules look for it.
const NAMES: &[(&str, &str)] = &[
    (
        "CT004",
        "summary: s\ndescription: d\nmaintainer: A <a@b>\nprovides: {web: http}\n",
    ),
    (
        "CT004",
        "name: Toy!\nsummary: s\ndescription: d\nmaintainer: A <a@b>\nprovides: {web: http}\n",
    ),
];

#[test]
fn a_good_charm_has_no_findings() {
    let (ids, said) = Bed::toy(&[]).ids();
    assert!(ids.is_empty(), "{said}");
}

#[test]
fn every_rule_finds_and_is_silent() {
    let mut wrong = Vec::new();
    let mut check = |what: &str, bed: &Bed, expected: &[&str]| {
        let (ids, said) = bed.ids();
        if ids != expected {
            wrong.push(format!("{what}: expected {expected:?}\n{said}"));
        }
    };
    for (id, trigger, silent) in CHARMS {
        check(&format!("{id} {trigger:?}"), &Bed::toy(trigger), &[id]);
        check(&format!("{id} silent {silent:?}"), &Bed::toy(silent), &[]);
    }
    for (id, metadata) in NAMES {
        let bed = Bed::toy(&[("metadata.yaml", metadata)]);
        let (ids, said) = bed.ids();
        assert!(ids.contains(id), "{metadata}: {said}");
    }
    for (id, trigger, silent) in BUNDLES {
        for (text, expected) in [(trigger, &[*id][..]), (silent, &[])] {
            let bed = Bed::empty();
            bed.change(&[("bundle.yaml", text), ("README", "Two.\n"), ("here/", "")]);
            check(&format!("{id} {text}"), &bed, expected);
        }
    }
    let bed = Bed::empty();
    bed.change(&[(
        "bundle.yaml",
        "applications: {a: {charm: x, channel: stable}}\n",
    )]);
    check("CT607", &bed, &["CT607"]);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lint finds every mistake in a file and the runner stops at the first, so they are not one function; but they agree on what is one.
#[test]
fn the_requirements_that_lint_finds_wrong_are_those_that_scripts_refuse() {
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("pkg{index}")).collect();
        format!("packages: [{}]", names.join(", "))
    };
    let mut texts: Vec<String> = [
        "",
        "{}",
        "null",
        "jq",
        "- jq",
        "packages:",
        "packages: jq",
        "packages: {jq: 1}",
        "packages: []",
        "packages: [jq]",
        "packages:\n- jq\n- curl\n",
        "packages: [jq, jq]",
        "packages: [7]",
        "packages: [true]",
        "packages: [null]",
        "packages: [[jq]]",
        "packages: [jq]\nppa: x",
        "ppa: x",
        "packages: [jq]\npackages: [tree]",
        "packages: [jq",
        "packages: ['jq']\n---\na: 1\n",
        "# tools\n---\npackages: ['jq']\n",
        "1: 2",
        "packages: !x [jq]",
        "a: &a [jq]\npackages: *a\n",
        "\t",
    ]
    .map(str::to_owned)
    .to_vec();
    let names = [
        "g++",
        "libstdc++6",
        "7zip",
        "python3.11",
        "x11-apps",
        "-o=x",
        "a=1",
        "a-",
        "jq+",
        "./x.deb",
        "/x.deb",
        "jq/sid",
        "jq:i386",
        "jq*",
        "JQ",
        "a",
        "aa",
        " ",
        ".jq",
        "+jq",
        "jq_1",
        "jé",
        "é9",
        "1.5",
        "0x10",
    ];
    texts.extend(names.map(|name| format!("packages:\n- \"{name}\"\n")));
    texts.extend([many(64), many(65)]);
    for text in texts {
        let taken = charmtest_scripts::requirements::Requirements::parse("x", &text);
        let (ids, said) = Bed::toy(&[("tests/requirements.yaml", &text)]).ids();
        assert_eq!(taken.is_ok(), ids.is_empty(), "{text:?}: {taken:?}\n{said}");
        assert!(ids.iter().all(|id| *id == "CT507"), "{text:?}: {said}");
    }
}

/// And so they do on which commands are denied: it is the broker that a script's `juju` asks.
#[test]
fn the_commands_that_lint_finds_denied_are_those_that_the_broker_denies() {
    for verb in [
        "bootstrap",
        "kill-controller",
        "register",
        "logout",
        "add-user",
        "grant",
        "add-cloud",
        "migrate",
        "create-backup",
        "upgrade-controller",
        "show-credential",
        "deploy",
        "status",
        "add-model",
        "switch",
        "config",
        "nosuch",
        "exec",
    ] {
        let denied = charmtest_scripts::broker::policy::is_denied(verb);
        let test = format!("#!/bin/sh\njuju {verb} x\n");
        let (ids, said) = Bed::toy(&[("+tests/10-go.test", &test)]).ids();
        let expected: &[&str] = if denied { &["CT504"] } else { &[] };
        assert_eq!(ids, expected, "{verb}: {said}");
    }
}

#[test]
fn every_rule_has_its_example() {
    let tested: BTreeSet<&str> = CHARMS
        .iter()
        .map(|(id, ..)| *id)
        .chain(BUNDLES.iter().map(|(id, ..)| *id))
        .chain(NAMES.iter().map(|(id, _)| *id))
        .chain(["CT001", "CT490", "CT607"])
        .collect();
    let all: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tested, all);
}
