/** A number of any country with its plus sign, or a mobile number of China with or without what is dialled before it. */
const TELEPHONE = '\\+\\d{8,15}|(?:(?:00)?86)?1[3-9]\\d{9}';
const IS_TELEPHONE = new RegExp(`^(?:${TELEPHONE})$`);
const NUMBERS = new RegExp(`(?<!\\d)(?:${TELEPHONE}|\\d{17}[\\dx]|\\d{15})(?!\\d)`, 'g');

/** GB 11643: where and when somebody was born, a number in order, a check digit; without century and check digit before 1999. */
const PLACE = '(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])(?:[0-4]\\d|90)[0-48]\\d';
const [MONTH, DAY] = ['(?:0[1-9]|1[0-2])', '(?:0[1-9]|[12]\\d|3[01])'];
const IDENTITY = new RegExp(`^${PLACE}(?:19|20)\\d\\d${MONTH}${DAY}\\d{3}[\\dx]$`);
const OLD_IDENTITY = new RegExp(`^${PLACE}\\d\\d${MONTH}${DAY}\\d{3}$`);

const MODULUS = 11;
const CHECK_DIGITS = '10x98765432';
/** The weight of a place is 2 to the power of the places after it. */
const hasCheckDigit = (number: string): boolean => {
  const last = number.length - 1;
  const sum = [...number.slice(0, last)].reduce(
    (total, digit, at) => total + Number(digit) * (2 ** (last - at) % MODULUS),
    0,
  );
  return CHECK_DIGITS[sum % MODULUS] === number[last];
};

const isPersonal = (number: string): boolean =>
  IS_TELEPHONE.test(number) || OLD_IDENTITY.test(number) || (IDENTITY.test(number) && hasCheckDigit(number));

/** The text before, between and after the telephone and identity numbers in it, and how many there are. */
export function withoutPersonalNumbers(text: string): { rest: string[]; numbers: number } {
  const rest: string[] = [];
  let from = 0;
  let numbers = 0;
  for (const { 0: number, index } of text.matchAll(NUMBERS))
    if (isPersonal(number)) {
      rest.push(text.slice(from, index));
      from = index + number.length;
      numbers += 1;
    }
  return { rest: [...rest, text.slice(from)].filter((each) => each !== ''), numbers };
}
