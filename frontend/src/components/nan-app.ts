import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { api } from '../api';
import { linkedRun, linkRun, onLinkChange } from '../deeplink';
import { joinHost } from '../host';
import type { Run } from '../report';
import { Session } from '../session';
import { sheets } from '../stylesheets';
import { type Theme, watchTheme } from '../theme';
import './empty-page';
import './findings-list';
import own from './nan-app.css?inline';
import './run-list';
import './run-timeline';
import './sources-list';
import './verdict-card';

@customElement('nan-app')
export class NanApp extends LitElement {
  static override styles = sheets(own);

  @state() private theme: Theme = 'light';

  private readonly session = new Session(api, isVisible, () => this.requestUpdate(), linkedRun());
  private readonly sizes = new ResizeObserver(() => void this.session.seen());
  private readonly onVisibility = (): void => void this.session.seen();
  private undo: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener('visibilitychange', this.onVisibility);
    this.sizes.observe(document.documentElement);
    this.undo = [
      watchTheme((theme) => this.wear(theme)),
      joinHost(() => void this.session.reload()),
      onLinkChange((run) => this.session.choose(run)),
      () => document.removeEventListener('visibilitychange', this.onVisibility),
      () => this.sizes.disconnect(),
      () => this.session.stop(),
    ];
    void this.session.ask();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.undo.forEach((action) => action());
  }

  override render(): TemplateResult {
    const { answer, problem, run } = this.session;
    const runs = answer?.report?.runs ?? [];
    if (runs.length > 0) return this.page(runs, run);
    if (answer?.state === 'failed' || (problem && !answer)) return this.alone('failed', problem || answer?.message);
    return this.alone(answer?.state === 'ready' ? 'empty' : 'scanning', problem || answer?.message);
  }

  private alone(kind: 'empty' | 'scanning' | 'failed', message = ''): TemplateResult {
    return html`<main class="alone">
      <h1 class="unseen">Why training went NaN</h1>
      <empty-page .kind=${kind} .logDir=${this.session.answer?.log_dir ?? ''} .message=${message}></empty-page>
    </main>`;
  }

  private page(runs: Run[], run: Run | null): TemplateResult {
    const place = this.session.answer?.log_dir ?? '';
    return html`<div class="page">
      <nav aria-label="Runs">
        <header>
          <h1>Why training went NaN</h1>
          <p class="clip muted small" title=${place}>${place}</p>
        </header>
        <run-list .runs=${runs} .selected=${this.session.selected} @choose=${this.onChoose}></run-list>
      </nav>
      <main>
        <div class="column">${this.trouble()} ${run ? this.about(run) : nothing}</div>
      </main>
    </div>`;
  }

  private about(run: Run): TemplateResult {
    const { timeline, timelineProblem } = this.session;
    const others = run.findings.filter((finding) => finding.cause !== run.verdict?.cause);
    const drawn = run.status !== 'empty' && run.status !== 'unreadable';
    return html`<verdict-card .run=${run}>
        ${drawn ? html`<run-timeline .timeline=${timeline} .problem=${timelineProblem} .theme=${this.theme}></run-timeline>` : nothing}
      </verdict-card>
      ${others.length + run.notes.length > 0
        ? html`<findings-list .findings=${others} .notes=${run.notes} .leading=${run.verdict === null}></findings-list>`
        : nothing}
      <sources-list .sources=${run.sources}></sources-list>`;
  }

  private trouble(): TemplateResult | typeof nothing {
    const { answer, problem } = this.session;
    if (problem) return html`<p class="notice" role="status">The server does not answer, so this is the last answer it gave. ${problem}</p>`;
    if (answer?.state === 'failed') return html`<p class="notice" role="alert" data-testid="state-failed">${answer.message}</p>`;
    if (answer?.state === 'scanning') return html`<p class="notice" role="status" data-testid="state-scanning">Still reading the logs; more may appear.</p>`;
    return nothing;
  }

  private onChoose(event: CustomEvent<string>): void {
    this.session.choose(event.detail);
    linkRun(event.detail);
    this.renderRoot.querySelector('main')?.scrollTo({ top: 0 });
  }

  private wear(theme: Theme): void {
    document.documentElement.dataset['theme'] = theme;
    this.theme = theme;
  }
}

// TensorBoard hides a tab by taking its height away.
function isVisible(): boolean {
  return document.documentElement.clientHeight > 0 && document.visibilityState === 'visible';
}
