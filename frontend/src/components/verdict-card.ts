import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { percent } from '../figure';
import type { Alternative, Run, Verdict } from '../report';
import { sheets } from '../stylesheets';
import { causeTitle, confidenceWords, STATUS } from '../wording';
import './evidence-table';
import { nonfiniteFacts } from './nonfinite-facts';
import './remedy-list';
import { statusBadge } from './status-badge';
import own from './verdict-card.css?inline';

/** The verdict on one run. The slot lies between the answer and its reasons: the place of the timeline. */
@customElement('verdict-card')
export class VerdictCard extends LitElement {
  static override styles = sheets(own);

  @property({ attribute: false }) run: Run | null = null;

  override render(): TemplateResult | typeof nothing {
    const run = this.run;
    if (!run) return nothing;
    return html`<article data-testid="verdict-card" data-run=${run.run} data-status=${run.status}>
      <header>
        <p class="run">${statusBadge(run.status)}<span class="clip muted" title=${run.run}>${run.run}</span></p>
        ${run.verdict ? answer(run.verdict) : noVerdict(run)} ${nonfiniteFacts(run)} ${cutShort(run)}
      </header>
      <slot></slot>
      ${run.verdict ? reasons(run.verdict) : nothing}
    </article>`;
  }
}

function answer(verdict: Verdict): TemplateResult {
  const sure = html`<span class="sure">
    <meter min="0" max="1" .value=${verdict.confidence} aria-hidden="true"></meter>
    <span><strong>${percent(verdict.confidence)}</strong>, ${confidenceWords(verdict.confidence)}</span>
  </span>`;
  return html`<h2 data-testid="verdict-cause" data-cause=${verdict.cause} title=${verdict.cause}>${verdict.title || causeTitle(verdict.cause)}</h2>
    <p class="idline">
      ${verdict.cause === 'unknown' ? nothing : sure}
      <code class="clip" title=${verdict.cause}>${verdict.cause}</code>
      ${verdict.family ? html`<span class="muted">${verdict.family}</span>` : nothing}
    </p>
    <p class="summary">${verdict.summary}</p>`;
}

function noVerdict(run: Run): TemplateResult {
  const status = STATUS[run.status];
  return html`<h2>${status?.headline ?? run.status}</h2>
    <p class="summary">${status?.sentence}</p>`;
}

function cutShort(run: Run): TemplateResult | typeof nothing {
  const hurt = run.sources.filter((source) => source.status !== 'ok').length;
  if ((run.complete && hurt === 0) || run.status === 'unreadable') return nothing;
  return html`<p class="notice" data-testid="incomplete">
    <strong>This log is incomplete.</strong> Something may be missing from the answer; the files at the end of this page say what could not be read.
  </p>`;
}

function reasons(verdict: Verdict): TemplateResult {
  return html`${section('Evidence', verdict.evidence, html`<evidence-table .evidence=${verdict.evidence}></evidence-table>`)}
  ${section('What to do', verdict.remedies, html`<remedy-list .remedies=${verdict.remedies} hook="remedy-code"></remedy-list>`)}
  ${section('Considered and ruled out', verdict.alternatives, html`<ul class="others">${verdict.alternatives.map(alternative)}</ul>`)}
  ${section('Not recorded', verdict.missing, html`<ul class="missing">${verdict.missing.map((text) => html`<li>${text}</li>`)}</ul>`)}`;
}

function section(title: string, items: readonly unknown[], body: TemplateResult): TemplateResult | typeof nothing {
  return items.length > 0 ? html`<section><h3>${title}</h3>${body}</section>` : nothing;
}

function alternative(other: Alternative): TemplateResult {
  return html`<li data-testid="alternative">
    <p><span class="other">${causeTitle(other.cause)}</span> <span class="muted">${percent(other.confidence)}</span></p>
    <p class="muted">${other.ruled_out_by}</p>
  </li>`;
}
