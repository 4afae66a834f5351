/** How the status page looks, in light and dark. Its hash stands in the page's Content-Security-Policy. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2127; --soft: #646d7a; --line: #d9dee5; --page: #f6f7f9; --card: #fff;
  --lan: #1a7f5a; --peers: #35a77c; --store: #3c6fd1; --mirror: #c98a1b; --bad: #b3372e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #98a2b0; --line: #333a44; --page: #14171b;
  --card: #1c2026; --lan: #2fa678; --peers: #6fcba6; --store: #6d98ec; --mirror: #e0ab4e; --bad: #ea7f76; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; margin-bottom: 1rem; }
h1 { font-size: 1.35rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .6rem; }
header p, .soft, small, footer { color: var(--soft); margin: 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.2rem;
  margin-bottom: 1rem; overflow-x: auto; }
.big { font-size: 2.6rem; line-height: 1.1; font-weight: 650; margin: 0; letter-spacing: -.02em; }
svg.bar { display: block; width: 100%; height: .9rem; border-radius: .45rem; background: var(--line); margin: .8rem 0; }
svg.thin { height: .5rem; min-width: 7rem; margin: 0; }
.lan { fill: var(--lan); } .peers { fill: var(--peers); } .store { fill: var(--store); } .mirror { fill: var(--mirror); }
ul.key { list-style: none; display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; margin: 0; padding: 0; }
ul.key svg { width: .8rem; height: .8rem; vertical-align: -.05rem; margin-right: .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: .85rem; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; }
td.path { overflow-wrap: anywhere; min-width: 14rem; }
code { font-size: .9em; }
.tag { border: 1px solid var(--line); border-radius: .3rem; padding: 0 .35rem; font-size: .8rem; color: var(--soft); }
.bad { color: var(--bad); }
`;
