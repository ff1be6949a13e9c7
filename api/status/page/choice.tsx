/** One of a few, side by side. */
export interface ChoiceProps<Value extends string> {
  legend: string
  /** Of the group on the page, and its style. */
  name: string
  class: string
  /** Values, and what they are called. */
  options: readonly (readonly [Value, string])[]
  value: Value
  onChoose: (value: Value) => void
}

export function Choice<Value extends string>(props: ChoiceProps<Value>) {
  return (
    <fieldset class={props.class}>
      <legend class="unseen">{props.legend}</legend>
      {props.options.map(([value, word]) => (
        <label key={value}>
          <input
            type="radio"
            name={props.name}
            class="unseen"
            checked={props.value === value}
            onChange={() => props.onChoose(value)}
          />
          <span>{word}</span>
        </label>
      ))}
    </fieldset>
  )
}
