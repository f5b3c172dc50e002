import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { sheets } from '../stylesheets';
import './code-block';
import own from './empty-page.css?inline';

export type Emptiness = 'empty' | 'scanning' | 'failed';

const SETUP = `from tb_nan_plugin import NaNMonitor
model.fit(..., callbacks=[NaNMonitor("logs/run1")])
tensorboard --logdir logs`;

@customElement('empty-page')
export class EmptyPage extends LitElement {
  static override styles = sheets(own);

  @property() kind: Emptiness = 'scanning';
  @property() logDir = '';
  @property() message = '';

  override render(): TemplateResult {
    if (this.kind === 'scanning') return this.scanning();
    return this.kind === 'failed' ? this.failed() : this.empty();
  }

  private scanning(): TemplateResult {
    return html`<section data-testid="state-scanning" role="status">
      <h2>Reading the logs</h2>
      <div class="bar" aria-hidden="true"></div>
      ${this.place('The first pass over the event files is under way in')}
      <p class="muted">The result appears here by itself.</p>
    </section>`;
  }

  private failed(): TemplateResult {
    return html`<section data-testid="state-failed" role="alert">
      <h2>The analysis did not run</h2>
      <p class="notice">${this.message || 'The server gave no reason.'}</p>
      ${this.place('Log directory:')}
      <p class="muted">The page keeps trying and goes on by itself.</p>
    </section>`;
  }

  private empty(): TemplateResult {
    return html`<section data-testid="empty-page">
      <h2>No runs found</h2>
      ${this.message ? html`<p>${this.message}</p>` : this.place('There is no event file in')}
      <p>To watch a training, add one callback and start TensorBoard on the same directory:</p>
      <code-block .code=${SETUP}></code-block>
      <p class="muted">
        Event files that are there already are analysed too, with whatever they recorded. This page looks again every few seconds.
      </p>
    </section>`;
  }

  private place(words: string): TemplateResult | typeof nothing {
    return this.logDir ? html`<p>${words} <code>${this.logDir}</code></p>` : nothing;
  }
}
