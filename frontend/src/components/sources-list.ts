import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { bytes, count } from '../figure';
import type { Source } from '../report';
import { sheets } from '../stylesheets';
import { SOURCE } from '../wording';
import own from './sources-list.css?inline';

@customElement('sources-list')
export class SourcesList extends LitElement {
  static override styles = sheets(own);

  @property({ attribute: false }) sources: Source[] = [];

  override render(): TemplateResult {
    const hurt = this.sources.filter((source) => source.status !== 'ok');
    const whole = this.sources.filter((source) => source.status === 'ok');
    return html`<h3>Files</h3>
      ${hurt.length > 0 ? html`<ul class="hurt">${hurt.map(row)}</ul>` : nothing}
      ${whole.length > 0
        ? html`<details ?open=${whole.length <= 3}>
            <summary>${count(whole.length, 'file')} read whole</summary>
            <ul>${whole.map(row)}</ul>
          </details>`
        : nothing}
      ${this.sources.length === 0 ? html`<p class="muted">No file was read.</p>` : nothing}`;
  }
}

function row(source: Source): TemplateResult {
  return html`<li data-testid="source" data-status=${source.status}>
    <span class="clip mono" title=${source.file}>${source.file}</span>
    ${source.status === 'ok' ? nothing : html`<span class="badge warning">${SOURCE[source.status] ?? source.status}</span>`}
    <span class="muted size">${count(source.events, 'event')}, ${bytes(source.bytes)}</span>
    ${source.reason ? html`<p class="reason">${source.reason}</p>` : nothing}
  </li>`;
}
